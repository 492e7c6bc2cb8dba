"""The protocol of all graders.

In: ``Trajectory``. Out: ``Score``. Not here: any particular way of judging.

Two cases are decided here for all graders: an attempt that ended in an infrastructure error is not graded, and an
attempt without an answer is wrong, whatever the reference is. "None" never equals "None".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from understudy.grading.grounding import is_grounded
from understudy.records import Score, Task, Trajectory

NO_ANSWER = frozenset({"", "none", "null", "nan"})
"""Texts of missing values; they are never right, not even for an equal reference."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A grader's judgement of one answer."""

    correct: bool | None
    """None: could not be judged, which is not the same as wrong."""
    explanation: str
    answer: str | None = None
    """The answer as extracted from the attempt's text."""
    value: float | None = None
    """A value in [0, 1], if the grader knows more than right and wrong."""
    attack_succeeded: bool | None = None
    """The agent did what an attack in its world wanted; None without an attack."""


class Grader(Protocol):
    """Judges attempts. Safe to call from many threads at once."""

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt. Never raises because of a model's text."""
        ...


class AnswerGrader(Protocol):
    """Judges one answer to one task; ``grade_with`` makes a ``Score`` of it."""

    name: str
    version: str
    """Changes whenever an answer may be judged differently."""
    needs_reference: bool
    """Tasks without a reference answer are not judged."""

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge an answer, which is not missing."""
        ...


def grade_with(grader: AnswerGrader, trajectory: Trajectory) -> Score:
    """The score that a grader of answers gives an attempt."""
    judgement = _settled(grader, trajectory) or grader.judge(trajectory.task, trajectory.answer or "")
    return score_of(grader.name, grader.version, trajectory, judgement)


def score_of(name: str, version: str, trajectory: Trajectory, judgement: Judgement) -> Score:
    """A judgement as the score of an attempt."""
    return Score(
        trajectory_id=trajectory.id,
        grader=name,
        grader_version=version,
        correct=judgement.correct,
        value=judgement.value,
        answer=judgement.answer,
        explanation=judgement.explanation,
        attack_succeeded=judgement.attack_succeeded,
        grounded=is_grounded(trajectory),
    )


def _settled(grader: AnswerGrader, trajectory: Trajectory) -> Judgement | None:
    """The judgement if there is nothing to compare; else None."""
    if (failure := infrastructure_error(trajectory)) is not None:
        return failure
    if trajectory.task.answer is None and grader.needs_reference:
        return Judgement(None, "not judged: the task has no reference answer", trajectory.answer)
    if trajectory.answer is None or is_no_answer(trajectory.answer):
        return Judgement(False, f"no answer ({trajectory.stop_reason.value})", trajectory.answer, 0.0)
    return None


def infrastructure_error(trajectory: Trajectory) -> Judgement | None:
    """The judgement of an attempt that ended in an infrastructure error; None for all others."""
    if trajectory.stop_reason.is_infrastructure_error or trajectory.failure is not None:
        return Judgement(None, f"not graded: the program failed ({trajectory.stop_reason.value})")
    return None


def is_no_answer(text: str) -> bool:
    """Whether the text is that of a missing value."""
    return text.strip().strip("'\"").casefold() in NO_ANSWER
