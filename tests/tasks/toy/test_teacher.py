"""The teacher program is right without slips, slips at its rate, and works from what the messages show."""

import contextlib
import io
from dataclasses import dataclass

import pytest

from understudy.records import Message, Role, Task, ToolSchema
from understudy.tasks.toy import ToyTeacher, toy_passages, toy_tasks

PAGES = {passage.title: passage.text for passage in toy_passages(0)}
TASKS = toy_tasks("train", 120, 0)


@dataclass(frozen=True)
class Asked:
    messages: tuple[Message, ...]
    seed: int | None = 0
    temperature: float = 0.0
    continue_final: bool = False
    tools: tuple[ToolSchema, ...] = ()


class AnsweredError(Exception):
    """Ends the code, as a final answer does."""


def solve(teacher: ToyTeacher, task: Task, prefix: str = "", max_steps: int = 6) -> tuple[str | None, list[Message]]:
    """The agent's loop in miniature: run the teacher's code in this process, show it what was printed."""
    answers: list[str] = []

    def final_answer(answer: object) -> None:
        answers.append(str(answer))
        raise AnsweredError

    names: dict[str, object] = {"web_search": lambda query: PAGES[query], "final_answer": final_answer}
    messages = [
        Message(role=Role.SYSTEM, content="Answer with thoughts and Python code."),
        Message(role=Role.USER, content=task.question),
    ]
    for step in range(max_steps):
        begun = [Message(role=Role.ASSISTANT, content=prefix)] if prefix and step == 0 else []
        reply = teacher(Asked((*messages, *begun), continue_final=bool(begun)))
        messages.append(Message(role=Role.ASSISTANT, content="".join(m.content for m in begun) + reply))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(messages[-1].content.split("```py\n")[1].split("\n```<end_code>")[0], names)
            except AnsweredError:
                return answers[0], messages
            except Exception as error:
                print(f"Error: {type(error).__name__}: {error}")
        messages.append(Message(role=Role.USER, content=printed.getvalue().strip()))
    return None, messages


def chain_of_thought(teacher: ToyTeacher, task: Task) -> str:
    asked = (Message(role=Role.SYSTEM, content="Answer step by step."), Message(role=Role.USER, content=task.question))
    return teacher(Asked(asked))


@pytest.mark.parametrize("task", TASKS[:30], ids=lambda task: task.id)
def test_without_slips_it_is_always_right_as_an_agent_and_in_words(task: Task) -> None:
    teacher = ToyTeacher(0)
    answer, messages = solve(teacher, task)
    assert answer == task.answer
    assert len([m for m in messages if m.role is Role.ASSISTANT]) == (3 if task.type == "2-hop" else 2)
    assert chain_of_thought(teacher, task).endswith(f"\\boxed{{{task.answer}}}")


def test_it_slips_at_about_its_rate_and_some_slips_end_in_wrong_answers() -> None:
    teacher = ToyTeacher(0, error_rate=0.15)
    solved = [solve(teacher, task) for task in TASKS]
    n_wrong = sum(answer != task.answer for (answer, _), task in zip(solved, TASKS, strict=True))
    n_mended = sum(
        answer == task.answer and any(m.content.startswith("Error") for m in messages)
        for (answer, messages), task in zip(solved, TASKS, strict=True)
    )
    assert 3 <= n_wrong <= 40
    assert n_mended >= 3


def test_a_plan_in_the_first_thought_keeps_it_from_losing_the_thread() -> None:
    teacher = ToyTeacher(0, error_rate=0.3)
    wrong = {True: 0, False: 0}
    for task in TASKS:
        plan = chain_of_thought(teacher, task).split("\n\n")[0]
        for is_planned in wrong:
            answer, messages = solve(teacher, task, prefix=f"Thought: {plan}" if is_planned else "")
            wrong[is_planned] += answer != task.answer
            assert not is_planned or messages[2].content.startswith(f"Thought: {plan} ")
    assert wrong[True] < wrong[False]


def test_the_same_request_gives_the_same_reply_and_another_seed_may_not() -> None:
    teacher = ToyTeacher(0, error_rate=0.5)
    asked = (Message(role=Role.SYSTEM, content="Python"), Message(role=Role.USER, content=TASKS[0].question))
    assert teacher(Asked(asked, seed=4)) == teacher(Asked(asked, seed=4))
    assert len({teacher(Asked(asked, seed=seed)) for seed in range(20)}) == 2


def test_a_question_from_elsewhere_is_answered_with_not_knowing() -> None:
    asked = (Message(role=Role.SYSTEM, content="Python"), Message(role=Role.USER, content="What is the tallest hill?"))
    assert 'final_answer("unknown")' in ToyTeacher(0)(Asked(asked))
