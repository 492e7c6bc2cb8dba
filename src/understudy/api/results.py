"""Results of the functions: attempts with their scores, an evaluation, a student."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.models import LocalConfig
from understudy.records import Metrics, Score, Trajectory
from understudy.training import TrainSummary


@dataclass(frozen=True, slots=True)
class Attempts:
    """Graded attempts, by task in the order of the tasks. Iterating gives pairs of trajectory and score."""

    trajectories: tuple[Trajectory, ...]
    scores: tuple[Score, ...]
    is_program: bool = False
    """A program stood in for the model."""

    @property
    def accuracy(self) -> float:
        """Share of right attempts, in [0, 1]; one without a verdict counts as wrong."""
        return sum(score.correct is True for score in self.scores) / len(self.scores) if self.scores else 0.0

    def __len__(self) -> int:
        return len(self.trajectories)

    def __iter__(self) -> Iterator[tuple[Trajectory, Score]]:
        return iter(zip(self.trajectories, self.scores, strict=True))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A system's attempts at test tasks, and its figures with intervals."""

    attempts: Attempts
    metrics: Metrics

    def __str__(self) -> str:
        name = self.metrics.system + " (program)" * self.metrics.is_program
        return "\n".join(
            f"{name}: {one.accuracy:.3f} [{one.interval.low:.3f}, {one.interval.high:.3f}] on {one.n_tasks} tasks"
            + f" of {one.task_set}" * (len(self.metrics.task_sets) > 1)
            for one in self.metrics.task_sets
        )


@dataclass(frozen=True, slots=True)
class Student:
    """A trained model: an argument for ``model`` and ``base`` of the other functions."""

    path: Path
    """Folder of the checkpoint: full weights, or an adapter that names its base."""
    summary: TrainSummary
    model: LocalConfig
