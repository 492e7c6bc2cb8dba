"""What signals say about a student's attempts, and accuracy against cost if the least sure ones go to a teacher.

In: graded attempts of a student, and of a teacher at the same tasks. Out: ``SignalFigures`` with a threshold,
``DeferralCurve``. A curve is computed from the attempts of both ends: the teacher would begin again. Not here: running
anything. Intervals are over tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TypeVar

from understudy.agents import AnySignal, Evidence, open_signal
from understudy.evaluation.metrics import Graded
from understudy.evaluation.statistics import auroc, auroc_interval, clustered_wilson, paired_bootstrap
from understudy.records import DeferralCurve, DeferralPoint, SignalFigures, Trajectory, Usage

CaseT = TypeVar("CaseT")

N_POINTS = 20
"""A curve has a point at about each 1/n of the tasks."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Attempts of a student with their verdicts and the values of one signal."""

    attempts: Sequence[Trajectory]
    right: Sequence[bool]
    values: Sequence[float]
    """Minus infinity where the signal has no value: such attempts are deferred always."""

    @property
    def n_without_value(self) -> int:
        return sum(value == -math.inf for value in self.values)


def measured(student: Graded, signal: AnySignal) -> Measured:
    """The values of a signal. Infrastructure errors are left out, and an attempt without a verdict counts as wrong.

    Raises ``TargetError`` and what a user's signal raises.
    """
    ask = open_signal(signal)
    verdicts = {score.trajectory_id: score.correct is True for score in student.scores}
    attempts = [one for one in student.trajectories if not one.stop_reason.is_infrastructure_error]
    attempts.sort(key=lambda one: (one.task.id, one.attempt))
    found = [ask(Evidence.of(one)) for one in attempts]
    values = [-math.inf if value is None else float(value) for value in found]
    return Measured(attempts, [verdicts.get(one.id, False) for one in attempts], values)


def thresholds_of(values: Sequence[float]) -> list[float]:
    """All thresholds that differ in what they defer, from none with a value to all."""
    known = sorted({value for value in values if value != -math.inf})
    if not known:
        return []
    between = [(low + high) / 2 for low, high in pairwise(known)]
    return [known[0], *between, known[-1] + 1.0]


def share_below(values: Sequence[float], threshold: float) -> float:
    """The share that a threshold defers."""
    return sum(value < threshold for value in values) / len(values)


def figures_of(name: str, found: Measured, is_affordable: Callable[[float], bool], *, seed: int = 0) -> SignalFigures:
    """How well a signal tells right attempts from wrong ones, and the highest threshold that is affordable.

    ``is_affordable``: whether the bound permits to defer what is below a threshold.
    """
    thresholds = thresholds_of(found.values)
    if not thresholds:
        return SignalFigures(signal=name, n=0, n_without_value=len(found.values), auroc=None)
    possible = [threshold for threshold in thresholds if is_affordable(threshold)]
    threshold = possible[-1] if possible else thresholds[0]
    clusters = [one.task.id for one in found.attempts]
    return SignalFigures(
        signal=name,
        n=len(found.values) - found.n_without_value,
        n_without_value=found.n_without_value,
        auroc=auroc(found.values, found.right),
        interval=auroc_interval(found.values, found.right, clusters, seed=seed),
        threshold=threshold,
        share=share_below(found.values, threshold),
    )


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a curve: the student's attempts, and the teacher's at the same tasks, in the same order."""

    student: Measured
    teacher: Sequence[Trajectory]
    teacher_right: Sequence[bool]

    def mean_cost_usd(self, threshold: float) -> float | None:
        """Per task, if the teacher takes what is below the threshold; None without prices."""
        return self._cost_usd([value < threshold for value in self.student.values])

    def mean_tokens(self, threshold: float) -> float:
        """As ``mean_cost_usd``, in tokens of both models."""
        student, teacher = self._tokens([value < threshold for value in self.student.values])
        return student + teacher

    def point(self, threshold: float) -> DeferralPoint:
        """What a cascade with this threshold would do."""
        deferred = [value < threshold for value in self.student.values]
        pairs = zip(deferred, self.student.right, self.teacher_right, strict=True)
        right = [theirs if is_deferred else own for is_deferred, own, theirs in pairs]
        student, teacher = self._tokens(deferred)
        return self._point(right, deferred, student, teacher, self._cost_usd(deferred), threshold=threshold)

    def alone(self, *, teacher: bool) -> DeferralPoint:
        """One end: only the student, or only the teacher."""
        n = len(self.student.right)
        usages = [one.usage for one in (self.teacher if teacher else self.student.attempts)]
        tokens = fmean(usage.total_tokens for usage in usages)
        right = self.teacher_right if teacher else self.student.right
        spent = (0.0, tokens) if teacher else (tokens, 0.0)
        return self._point(right, [teacher] * n, *spent, _mean_cost(usages, n))

    def run(self, label: str, cascade: Graded) -> DeferralPoint | None:
        """A cascade that was run on these tasks; None if it lacks one of them."""
        verdicts = {score.trajectory_id: score.correct is True for score in cascade.scores}
        by_id = {one.id: one for one in cascade.trajectories}
        made = [by_id.get(one.id) for one in self.student.attempts]
        records = [one.cascade for one in made if one is not None and one.cascade is not None]
        if len(records) < len(made):
            return None
        right = [verdicts.get(one.id, False) for one in self.student.attempts]
        student = fmean(record.student_usage.total_tokens for record in records)
        teacher = fmean(record.teacher_usage.total_tokens for record in records)
        cost = _mean_cost([one.usage for one in made if one is not None], len(made))
        at = "start" if all(record.student is not None for record in records if record.is_deferred) else "step"
        deferred = [record.is_deferred for record in records]
        point = self._point(right, deferred, student, teacher, cost, threshold=records[0].threshold)
        return point.model_copy(update={"label": label, "at": at})

    def _point(
        self,
        right: Sequence[bool],
        deferred: Sequence[bool],
        student_tokens: float,
        teacher_tokens: float,
        cost_usd: float | None,
        threshold: float | None = None,
    ) -> DeferralPoint:
        share = fmean(deferred)
        ends = list(zip(self.student.right, self.teacher_right, strict=True))
        random = [(1 - share) * own + share * theirs for own, theirs in ends]
        gains = self._by_task([float(one) - other for one, other in zip(right, random, strict=True)])
        return DeferralPoint(
            threshold=threshold,
            share=share,
            accuracy=fmean(right),
            interval=clustered_wilson(self._clustered(right)),
            random_accuracy=fmean(random),
            gain=fmean(right) - fmean(random),
            gain_interval=paired_bootstrap(gains),
            student_tokens=student_tokens,
            teacher_tokens=teacher_tokens,
            cost_usd=cost_usd,
        )

    def _tokens(self, deferred: Sequence[bool]) -> tuple[float, float]:
        n = len(deferred)
        spent = [one.usage.total_tokens for one, goes in zip(self.teacher, deferred, strict=True) if goes]
        return fmean(one.usage.total_tokens for one in self.student.attempts), sum(spent) / n

    def _cost_usd(self, deferred: Sequence[bool]) -> float | None:
        theirs = [one.usage for one, goes in zip(self.teacher, deferred, strict=True) if goes]
        return _mean_cost([*(one.usage for one in self.student.attempts), *theirs], len(deferred))

    def _clustered(self, cases: Sequence[CaseT]) -> list[list[CaseT]]:
        clusters: dict[str, list[CaseT]] = {}
        for attempt, case in zip(self.student.attempts, cases, strict=True):
            clusters.setdefault(attempt.task.id, []).append(case)
        return list(clusters.values())

    def _by_task(self, values: Sequence[float]) -> list[float]:
        return [fmean(cluster) for cluster in self._clustered(values)]


def ends_of(student: Measured, teacher: Graded) -> Ends:
    """Raises ``ValueError`` if the teacher has no attempt at one of the student's tasks."""
    by_id = {one.id: one for one in teacher.trajectories if not one.stop_reason.is_infrastructure_error}
    verdicts = {score.trajectory_id: score.correct is True for score in teacher.scores}
    missing = [one.id for one in student.attempts if one.id not in by_id]
    if missing:
        raise ValueError(
            f"{teacher.system}: expected an attempt at each task of the student; {len(missing)} are missing, "
            f"such as {missing[0]!r}"
        )
    attempts = [by_id[one.id] for one in student.attempts]
    return Ends(student, attempts, [verdicts.get(one.id, False) for one in attempts])


def curve_of(name: str, labels: tuple[str, str], signal: str, ends: Ends, *, teacher_is_program: bool) -> DeferralCurve:
    """Accuracy against cost. ``labels``: of the student and of the teacher."""
    points = [ends.alone(teacher=False)]
    for threshold in thresholds_of(ends.student.values):
        share = share_below(ends.student.values, threshold)
        if share - points[-1].share >= 1 / N_POINTS and share < 1:
            points.append(ends.point(threshold))
    return DeferralCurve(
        name=name,
        student=labels[0],
        teacher=labels[1],
        teacher_is_program=teacher_is_program,
        signal=signal,
        n_tasks=len({one.task.id for one in ends.student.attempts}),
        points=(*points, ends.alone(teacher=True)),
    )


def _mean_cost(usages: Sequence[Usage], n: int) -> float | None:
    costs = [usage.cost_usd for usage in usages if usage.cost_usd is not None]
    return sum(costs) / n if costs else None
