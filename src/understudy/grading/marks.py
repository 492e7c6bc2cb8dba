"""A person's marks as verdicts: the grader ``marks``.

In: ``marks.jsonl`` of a run, which the labelling page writes. Out: scores. A mark holds for the messages that the
person read: an attempt with other messages is not judged, and the score says so. Not here: the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from understudy.annotations import InputPath
from understudy.grading.config import GraderConfig
from understudy.grading.grader import Grader, Judgement, infrastructure_error, score_of
from understudy.grading.opening import open_grader
from understudy.models.model import Model
from understudy.records import Mark, MarkVerdict, Score, Trajectory
from understudy.records.record import is_empty
from understudy.registry import PartConfig
from understudy.runs import digest, read_jsonl


class MarksConfig(PartConfig):
    """Takes the verdicts of a person who marked attempts in ``understudy label``."""

    kind: Literal["marks"] = "marks"
    path: InputPath
    """``marks.jsonl`` of a run."""
    otherwise: Annotated[GraderConfig | None, Field(exclude_if=is_empty)] = None
    """The grader of attempts without a mark; None: they are not judged."""

    @property
    def judging_model(self) -> str:
        """As in ``JudgeConfig``; empty if no model judges."""
        return str(getattr(self.otherwise, "judging_model", ""))


class MarksGrader:
    """Looks marks up."""

    name = "marks"
    version = "1"

    def __init__(self, config: MarksConfig, model: Model | None = None) -> None:
        self._stack = ExitStack()
        self._otherwise: Grader | None = None
        if config.otherwise is not None:
            self._otherwise = self._stack.enter_context(open_grader(config.otherwise, model))
        marks = standing(read_jsonl(config.path, Mark))
        self._marks = {(one.trajectory_id, one.digest): one for one in marks}
        self._ids = {one.trajectory_id for one in marks}

    def knows(self, trajectory: Trajectory) -> bool:
        """Whether a person judged this attempt: such a verdict outranks those of logs."""
        found = self._marks.get((trajectory.id, shown_digest(trajectory)))
        return found is not None and found.verdict is not MarkVerdict.SKIP

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt."""
        if self._otherwise is not None and not self.knows(trajectory):
            return self._otherwise.grade(trajectory)
        return score_of(self.name, self.version, trajectory, self._judgement(trajectory))

    def close(self) -> None:
        """Close the grader of attempts without a mark."""
        self._stack.close()

    def _judgement(self, trajectory: Trajectory) -> Judgement:
        if (failure := infrastructure_error(trajectory)) is not None:
            return failure
        found = self._marks.get((trajectory.id, shown_digest(trajectory)))
        if found is None:
            was_other = trajectory.id in self._ids
            why = "it was marked when its messages were different" if was_other else "nobody has marked it"
            return Judgement(None, f"not judged: {why}", trajectory.answer)
        if found.verdict is MarkVerdict.SKIP:
            return Judgement(None, "not judged: it was skipped", trajectory.answer)
        return Judgement(found.verdict is MarkVerdict.RIGHT, f"marked by a person, {found.at}", trajectory.answer)


def standing(marks: Iterable[Mark]) -> list[Mark]:
    """The last mark of each attempt, without those that were taken back."""
    last = {(one.stage, one.trajectory_id): one for one in marks}
    return [one for one in last.values() if one.verdict is not MarkVerdict.UNDONE]


def read_marks(path: Path) -> list[Mark]:
    """The marks of a run that stand; none if nobody has marked anything. Raises ``BadRecordError``."""
    return standing(read_jsonl(path, Mark)) if path.is_file() else []


def shown_digest(trajectory: Trajectory) -> str:
    """Names the messages of an attempt."""
    return digest([one.model_dump(mode="json") for one in trajectory.messages])
