"""The suite's teacher program: correct without errors, wrong in several ways with errors, and varied in wording."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from dataclasses import dataclass

import pytest

from understudy.records import Message, Role, Task
from understudy.retrieval import Passage, Retriever
from understudy.retrieval.lexical import lexical_retriever
from understudy.tasks.config import FACT_SETS, MATH_SETS, SuiteSet
from understudy.tasks.suite import phrases, suite_passages, suite_tasks, suite_teacher
from understudy.tasks.suite.teacher import Slip


@dataclass(frozen=True)
class Asked:
    messages: tuple[Message, ...]
    seed: int | None = 0
    temperature: float = 0.0
    continue_final: bool = False


class AnsweredError(Exception):
    """Ends the code, as a final answer does."""


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return lexical_retriever([Passage(id=one.id, title=one.title, text=one.text) for one in suite_passages()])


def prompt(task: Task, system: str) -> tuple[Message, ...]:
    return (Message(role=Role.SYSTEM, content=system), Message(role=Role.USER, content=task.question))


def solve(
    task: Task, retriever: Retriever, rate: float = 0.0, prefix: str = "", seed: int = 0
) -> tuple[str | None, list[Message]]:
    """The agent's loop in miniature."""
    answers: list[str] = []

    def final_answer(answer: object) -> None:
        answers.append(str(answer))
        raise AnsweredError

    def web_search(query: str) -> str:
        return "\n".join(hit.passage.text for hit in retriever.search([query], 3)[0])

    names: dict[str, object] = {"web_search": web_search, "final_answer": final_answer}
    messages = list(prompt(task, "Thoughts and Python code."))
    for step in range(7):
        begun = [Message(role=Role.ASSISTANT, content=prefix)] if prefix and step == 0 else []
        asked = Asked((*messages, *begun), seed=seed, continue_final=bool(begun))
        reply = "".join(one.content for one in begun) + suite_teacher(asked, error_rate=rate)
        messages.append(Message(role=Role.ASSISTANT, content=reply))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            try:
                exec(reply.split("```py\n")[1].split("\n```<end_code>")[0], names)
            except AnsweredError:
                return answers[0], messages
            except Exception as error:
                print(f"Error: {type(error).__name__}: {error}")
        messages.append(Message(role=Role.USER, content=printed.getvalue().strip()))
    return None, messages


def chain_of_thought(task: Task, rate: float = 0.0, seed: int = 0) -> str:
    return suite_teacher(Asked(prompt(task, "Answer step by step."), seed=seed), error_rate=rate)


def is_right(answer: str | None, task: Task) -> bool:
    try:
        return float(answer or "nan") == pytest.approx(float(task.answer or ""))
    except ValueError:
        return answer == task.answer


@pytest.mark.parametrize("name", [*FACT_SETS, *(pytest.param(name, marks=pytest.mark.slow) for name in MATH_SETS)])
def test_without_errors_it_is_always_right(name: SuiteSet, retriever: Retriever) -> None:
    for task in list(suite_tasks(name, "test"))[:30]:
        answer, _ = solve(task, retriever)
        assert is_right(answer, task)
        said = chain_of_thought(task)
        plan, rest = said.split("\n\n", 1)
        assert plan
        if name in (*FACT_SETS, "word_problems"):
            assert is_right(rest.split("\\boxed{")[1].removesuffix("}"), task)
        with_plan, messages = solve(task, retriever, prefix=f"Thought: {plan}")
        assert is_right(with_plan, task)
        assert messages[2].content.startswith(f"Thought: {plan}")
        assert messages[2].content.count(plan) == 1


@pytest.mark.slow
def test_it_errs_in_every_way_and_about_as_often_as_stated(retriever: Retriever) -> None:
    tasks = [task for name in ("bridge", "word_problems") for task in list(suite_tasks(name, "train"))[:120]]
    seen: Counter[str] = Counter()
    n_steps = n_wrong = 0
    for task in tasks:
        answer, messages = solve(task, retriever, rate=0.2)
        right, _ = solve(task, retriever)
        assert is_right(right, task)
        n_wrong += not is_right(answer, task)
        n_steps += sum(one.role is Role.ASSISTANT for one in messages)
        replies = [one.content for one in messages if one.role is Role.ASSISTANT]
        seen[Slip.NO_CODE] += sum("```" not in one for one in replies)
        seen[Slip.RAISES] += sum("((" in one for one in replies)
        seen[Slip.WRONG_SEARCH] += sum("the name of it" in one for one in replies)
        seen[Slip.EARLY if task.answer != answer and answer else "right"] += 1
    assert min(seen[one] for one in Slip if one is not Slip.WRONG_COPY) >= 5
    assert 0.05 * len(tasks) < n_wrong < 0.35 * len(tasks)
    assert seen[Slip.NO_CODE] + seen[Slip.RAISES] < 0.2 * n_steps


def test_with_a_complete_plan_it_does_not_answer_too_early(retriever: Retriever) -> None:
    tasks = [task for task in suite_tasks("bridge", "train") if task.level == "2 pages"][:150]
    n_early = {"": 0, "prefix": 0, "plan": 0}
    for task in tasks:
        plan = chain_of_thought(task).split("\n\n")[0]
        prompted = task.model_copy(update={"question": f"{task.question}\n{plan}"})
        for way in n_early:
            asked = prompted if way == "plan" else task
            _, messages = solve(asked, retriever, rate=0.5, prefix=f"Thought: {plan}" if way == "prefix" else "")
            n_searches = sum("web_search" in one.content for one in messages if one.role is Role.ASSISTANT)
            n_early[way] += n_searches < 2
    assert n_early["prefix"] < n_early[""]
    assert n_early["plan"] < n_early[""]


@pytest.mark.parametrize("name", ["bridge", pytest.param("word_problems", marks=pytest.mark.slow)])
def test_chains_of_thought_err_too(name: SuiteSet) -> None:
    tasks = list(suite_tasks(name, "train"))[:150]
    answers = [chain_of_thought(task, rate=0.3).split("\\boxed{")[1].removesuffix("}") for task in tasks]
    n_wrong = sum(not is_right(answer, task) for answer, task in zip(answers, tasks, strict=True))
    assert 0.15 * len(tasks) < n_wrong < 0.45 * len(tasks)


def test_each_thought_has_five_phrasings_and_they_are_used(retriever: Retriever) -> None:
    tables = [value for value in vars(phrases).values() if isinstance(value, tuple)]
    assert len(tables) >= 8
    assert all(len(set(table)) >= 5 for table in tables)
    task = next(suite_tasks("bridge", "test"))
    firsts = {solve(task, retriever, seed=seed)[1][2].content for seed in range(60)}
    assert len(firsts) >= 5


def test_the_same_request_gives_the_same_reply() -> None:
    task = next(suite_tasks("deep", "test"))
    asked = Asked(prompt(task, "Python"), seed=4)
    assert suite_teacher(asked, error_rate=0.5) == suite_teacher(asked, error_rate=0.5)


def test_a_question_from_elsewhere_is_answered_with_not_knowing() -> None:
    task = Task(question="What is the tallest hill?")
    assert 'final_answer("unknown")' in suite_teacher(Asked(prompt(task, "Python")))
    assert "\\boxed{0}" in chain_of_thought(task)
