"""The spelling in which two answers are compared without judging either: what a vote over texts goes by.

In: a task and an answer. Out: a text, equal for answers that graders take for the same because of their spelling. Not
here: whether an answer is right, and equality that needs algebra.
"""

from __future__ import annotations

from understudy.grading.answers import boxed_or_text, mathematical_answer
from understudy.grading.facts import normalise_answer
from understudy.grading.tidy import squeeze, tidy
from understudy.records import Task, TaskKind


def normal_form(task: Task, answer: str) -> str:
    """The answer as graders of this kind of task spell it."""
    if task.kind is TaskKind.MATH:
        return squeeze(tidy(mathematical_answer(answer)))
    return normalise_answer(boxed_or_text(answer))
