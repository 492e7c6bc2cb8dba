"""Grading many attempts, and grading them again: which verdicts changed, and how far two graders agree.

In: a grader and trajectories, or two lists of scores. Out: scores in order, or a ``Regrading``. Not here: files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from understudy.grading.grader import Grader
from understudy.parallel import map_ordered
from understudy.records import Score, Trajectory

N_WORKERS = 4


def grade_all(grader: Grader, trajectories: Iterable[Trajectory], n_workers: int = N_WORKERS) -> Iterator[Score]:
    """Score each trajectory, in order, several at a time."""
    return map_ordered(grader.grade, trajectories, n_workers)


@dataclass(frozen=True, slots=True)
class Change:
    """A changed verdict."""

    before: Score
    after: Score

    def __str__(self) -> str:
        graders = f"{self.before.grader} {self.before.grader_version} → {self.after.grader} {self.after.grader_version}"
        verdicts = f"{_verdict(self.before)} → {_verdict(self.after)}"
        return f"{self.after.trajectory_id}: {verdicts} ({graders}; {self.after.explanation})"


@dataclass(frozen=True, slots=True)
class Regrading:
    """Two gradings of the same trajectories side by side."""

    n: int
    """Trajectories that both graded."""
    changes: tuple[Change, ...]
    n_only_before: int
    n_only_after: int
    kappa: float | None
    """Cohen's kappa over the trajectories with two verdicts: agreement beyond chance; None if all verdicts are
    equal."""

    @property
    def agreement(self) -> float:
        """Share of equal verdicts; 1.0 if there is nothing to compare."""
        return 1 - len(self.changes) / self.n if self.n else 1.0


def regrade(before: Iterable[Score], after: Iterable[Score]) -> Regrading:
    """Compare two gradings: an older and a newer one, or those of a judge and of exact match."""
    old, new = {s.trajectory_id: s for s in before}, {s.trajectory_id: s for s in after}
    both = [trajectory_id for trajectory_id in new if trajectory_id in old]
    changes = tuple(Change(old[i], new[i]) for i in both if old[i].correct is not new[i].correct)
    verdicts = [(old[i].correct, new[i].correct) for i in both]
    judged = [(a, b) for a, b in verdicts if a is not None and b is not None]
    return Regrading(len(both), changes, len(old) - len(both), len(new) - len(both), _kappa(judged))


def _kappa(pairs: list[tuple[bool, bool]]) -> float | None:
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(a is b for a, b in pairs) / n
    first, second = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    by_chance = first * second + (1 - first) * (1 - second)
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def _verdict(score: Score) -> str:
    return {True: "right", False: "wrong", None: "not graded"}[score.correct]
