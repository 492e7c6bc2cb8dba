"""A list of two values is a point if the attempt's question and program indicate it; else it may be an interval."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grading.attempts import attempt
from understudy.grading import Grader, open_grader
from understudy.grading.points import asks_for_point, may_ask_for_interval
from understudy.records import ExecutionStatus, Message, Role, Step, Trajectory


@pytest.fixture(scope="module")
def opened() -> Iterator[Grader]:
    with open_grader() as grader:
        yield grader


def answered(question: str, reference: str, answer: str, code: str | None) -> Trajectory:
    """``code``: what the program's last action was; None for a chain of thought."""
    bare = attempt(reference, answer)
    task = bare.task.model_copy(update={"question": question})
    if code is None:
        return bare.model_copy(update={"task": task, "agent": "chain_of_thought"})
    reply = Message(role=Role.ASSISTANT, content=f"Thought: done.\nCode:\n```py\n{code}\n```<end_code>")
    step = Step(message_index=1, execution_status=ExecutionStatus.OK, is_final=True)
    messages = (Message(role=Role.USER, content=question), reply)
    return bare.model_copy(update={"task": task, "messages": messages, "steps": (step,)})


WHERE = "Where do the two lines meet?"
PAIR = "Find the vertex. Express it as an ordered pair $(x,y)$."
SOLVE = "Find all values of $x$ with $x^2 - 7x + 12 < 0$."
CASES = [
    (WHERE, "(3,4)", "[3, 4]", "final_answer([3, 4])", True),
    (WHERE, "(3,4)", "[3, 4]", "final_answer(list(lines))", True),
    (WHERE, "(3,4)", "[3.0, 4.0]", "point = solve()\nfinal_answer(point)", True),
    (WHERE, r"\left( \frac12, 4 \right)", "[0.5, 4]", "final_answer(answer=[0.5, 4])", True),
    (WHERE, "(3,4)", "[3, 4]", "final_answer('[3, 4]')", None),
    (WHERE, "(3,4)", "[3, 4]", None, None),
    (WHERE, "(3,4)", "[3, 5]", "final_answer([3, 5])", False),
    (WHERE, "(3,4)", "[4, 3]", "final_answer([4, 3])", False),
    (WHERE, "(3,4]", "[3, 4]", "final_answer([3, 4])", False),
    (WHERE, r"\{(1,2),(3,4)\}", "[[1, 2], [3, 4]]", "final_answer([[1, 2], [3, 4]])", True),
    (PAIR, "(3,4)", "[3, 4]", None, True),
    (PAIR, "(3,4)", "[3, 4]", "final_answer('[3, 4]')", True),
    (SOLVE, "(3,4)", "[3, 4]", "final_answer([3, 4])", None),
    (SOLVE, "(3,4)", "[3, 4]", None, None),
    (SOLVE, "(3,4)", "(3, 4)", "final_answer((3, 4))", True),
    ("What is the domain of $f$?", "(3,4)", "[3, 4]", "final_answer([3, 4])", None),
    ("Which interval holds the point $x=3$?", "(3,4)", "[3, 4]", None, None),
]


@pytest.mark.parametrize(("question", "reference", "answer", "code", "verdict"), CASES)
def test_a_list_of_two(
    opened: Grader, question: str, reference: str, answer: str, code: str | None, verdict: bool | None
) -> None:
    score = opened.grade(answered(question, reference, answer, code))
    assert score.correct is verdict, score.explanation


@pytest.mark.parametrize("question", [WHERE, PAIR, SOLVE])
def test_what_questions_speak_of(question: str) -> None:
    assert (asks_for_point(question), may_ask_for_interval(question)) == (question == PAIR, question == SOLVE)
