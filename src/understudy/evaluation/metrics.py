"""Trajectories and scores become figures: ``metrics.json``, tables by level and type, paired comparisons.

In: trajectories and their scores, joined by trajectory id. Out: ``Metrics``, ``Comparison``, ``GroupAccuracy``. Not
here: running anything, reading or writing files.

Every trajectory counts in the denominators: one without a score, or whose score has no verdict, counts as wrong and is
counted in ``n_not_scored``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from understudy.evaluation.robustness import robustness_of
from understudy.evaluation.statistics import (
    clustered_wilson,
    mcnemar,
    paired_bootstrap,
    pass_at_k,
    stratified_bootstrap,
)
from understudy.records import (
    Breakdown,
    BreakdownTable,
    Comparison,
    DeferralFigures,
    GroupAccuracy,
    Interval,
    Metrics,
    Score,
    TaskSetMetrics,
    Timing,
    Trajectory,
    Usage,
)

AVERAGE = "average"
"""Name of the comparison over all task sets, which have equal weights."""


@dataclass(frozen=True, slots=True)
class Graded:
    """One system's attempts and their scores."""

    system: str
    trajectories: Sequence[Trajectory]
    scores: Sequence[Score]


def measure(
    system: str,
    model: str,
    agent: str,
    trajectories: Sequence[Trajectory],
    scores: Sequence[Score],
    *,
    is_program: bool = False,
) -> Metrics:
    """Figures of one system, by task set in the order in which they first appear. A task of two sets counts in both.

    Raises ``ValueError`` if there is no trajectory, if two share an id, or if a score belongs to none.
    """
    joined = _join(trajectories, scores)
    parts = _by_task_set(trajectories)
    task_sets = tuple(_measure_task_set(name, part, joined) for name, part in parts.items())
    return Metrics(
        system=system,
        model=model,
        agent=agent,
        is_program=is_program,
        task_sets=task_sets,
        average=fmean(t.accuracy for t in task_sets),
        breakdowns=tuple(table for name, part in parts.items() for table in _breakdowns(name, part, joined)),
        robustness=robustness_of(trajectories, joined),
    )


def _join(trajectories: Sequence[Trajectory], scores: Iterable[Score]) -> Mapping[str, Score]:
    ids = {trajectory.id for trajectory in trajectories}
    if not trajectories:
        raise ValueError("expected trajectories, got none")
    if len(ids) < len(trajectories):
        raise ValueError(f"expected one trajectory an attempt, {len(trajectories) - len(ids)} ids come twice")
    joined = {score.trajectory_id: score for score in scores}
    if unmatched := sorted(joined.keys() - ids):
        raise ValueError(f"score of {unmatched[0]!r}: no such trajectory ({len(unmatched)} such scores)")
    return joined


def _by_task_set(trajectories: Iterable[Trajectory]) -> dict[str, list[Trajectory]]:
    parts: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        for name in trajectory.task.set_names:
            parts.setdefault(name, []).append(trajectory)
    return parts


def _measure_task_set(name: str, trajectories: Sequence[Trajectory], scores: Mapping[str, Score]) -> TaskSetMetrics:
    here = [scores[t.id] for t in trajectories if t.id in scores]
    verdicts = _verdicts_by_task(trajectories, scores)
    n_correct = sum(map(sum, verdicts.values()))
    searches = [_count_searches(t) for t in trajectories]
    can_search = any(step.execution_status is not None for t in trajectories for step in t.steps)
    return TaskSetMetrics(
        task_set=name,
        n=len(trajectories),
        n_tasks=len(verdicts),
        n_correct=n_correct,
        n_not_scored=len(trajectories) - sum(s.correct is not None for s in here),
        accuracy=n_correct / len(trajectories),
        interval=clustered_wilson(list(verdicts.values())),
        mean_value=_mean_or_none([s.value for s in here if s.value is not None]),
        search_rate=fmean(n > 0 for n in searches) if can_search else None,
        searches_per_task=fmean(searches) if can_search else None,
        grounded_rate=_mean_or_none([float(s.grounded) for s in here if s.grounded is not None]),
        stop_reasons=dict(Counter(t.stop_reason for t in trajectories)),
        step_failures=_count_failures(trajectories),
        n_cut_replies=sum(t.n_cut_replies for t in trajectories),
        mean_steps=fmean(len(t.steps) for t in trajectories),
        deferral=_deferral(trajectories),
        usage=sum((t.usage for t in trajectories), Usage()),
        user_usage=sum((t.user_usage for t in trajectories), Usage()),
        timing=sum((t.timing for t in trajectories), Timing()),
    )


def _deferral(trajectories: Sequence[Trajectory]) -> DeferralFigures | None:
    """What a cascade passed to its teacher; None for any other system."""
    records = [t.cascade for t in trajectories if t.cascade is not None]
    if not records:
        return None
    return DeferralFigures(
        teacher=records[0].teacher,
        teacher_is_program=records[0].teacher_is_program,
        n_deferred=sum(record.is_deferred for record in records),
        n_without_value=sum(record.value is None for record in records),
        student_usage=sum((record.student_usage for record in records), Usage()),
        teacher_usage=sum((record.teacher_usage for record in records), Usage()),
    )


def _verdicts_by_task(trajectories: Iterable[Trajectory], scores: Mapping[str, Score]) -> dict[str, list[bool]]:
    """The verdicts on each task's attempts; an attempt without a verdict is wrong."""
    verdicts: defaultdict[str, list[bool]] = defaultdict(list)
    for trajectory in trajectories:
        score = scores.get(trajectory.id)
        verdicts[trajectory.task.id].append(score is not None and score.correct is True)
    return dict(verdicts)


def _count_searches(trajectory: Trajectory) -> int:
    return sum(call.is_search for step in trajectory.steps for call in step.tool_calls)


def _count_failures(trajectories: Iterable[Trajectory]) -> dict[str, int]:
    failures: Counter[str] = Counter()
    for step in (step for t in trajectories for step in t.steps if step.failed):
        reason = step.parse_problem or step.execution_status
        failures[str(reason)] += 1
    return dict(failures)


def _mean_or_none(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _breakdowns(
    task_set: str, trajectories: Sequence[Trajectory], joined: Mapping[str, Score]
) -> Iterator[BreakdownTable]:
    """The tables of one task set that add something to its accuracy."""
    whole = _group_accuracy(task_set, _verdicts_by_task(trajectories, joined))
    if len(whole.pass_at) > 1:
        yield BreakdownTable(task_set=task_set, by=Breakdown.TASK_SET, groups=(whole,))
    for breakdown in (Breakdown.LEVEL, Breakdown.TYPE):
        groups = _groups(breakdown, trajectories, joined)
        if len(groups) > 1:
            yield BreakdownTable(task_set=task_set, by=breakdown, groups=groups)


def accuracy_by(
    breakdown: Breakdown, trajectories: Sequence[Trajectory], scores: Sequence[Score]
) -> tuple[GroupAccuracy, ...]:
    """Accuracy and pass@k of each group, groups in order of their names."""
    return _groups(breakdown, trajectories, _join(trajectories, scores))


def _groups(
    breakdown: Breakdown, trajectories: Iterable[Trajectory], joined: Mapping[str, Score]
) -> tuple[GroupAccuracy, ...]:
    groups: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for trajectory in trajectories:
        for name in _groups_of(trajectory, breakdown):
            groups[name].append(trajectory)
    return tuple(_group_accuracy(name, _verdicts_by_task(groups[name], joined)) for name in sorted(groups))


def _groups_of(trajectory: Trajectory, breakdown: Breakdown) -> tuple[str, ...]:
    task = trajectory.task
    return {Breakdown.TASK_SET: task.set_names, Breakdown.LEVEL: (task.level,), Breakdown.TYPE: (task.type,)}[breakdown]


def _group_accuracy(name: str, verdicts: Mapping[str, Sequence[bool]]) -> GroupAccuracy:
    clusters = list(verdicts.values())
    n, n_correct = sum(map(len, clusters)), sum(map(sum, clusters))
    ks = range(1, min(map(len, clusters)) + 1)
    return GroupAccuracy(
        group=name,
        n=n,
        n_tasks=len(clusters),
        n_correct=n_correct,
        accuracy=n_correct / n,
        interval=clustered_wilson(clusters),
        pass_at=tuple(fmean(pass_at_k(len(c), sum(c), k) for c in clusters) for k in ks),
    )


def compare(system: Graded, baseline: Graded, task_set: str, *, seed: int = 0) -> Comparison:
    """Paired comparison on the questions of one set that both systems attempted.

    With several attempts a task, its share of correct ones stands for it, and McNemar's test counts the tasks in which
    one system's share is larger (the sign test; McNemar's test is the case of one attempt). Raises ``ValueError`` if
    they have no question in common.
    """
    differences = _differences(system, baseline, task_set)
    if not differences:
        raise ValueError(f"{system.system} and {baseline.system} have no question of {task_set!r} in common")
    interval = paired_bootstrap(differences, seed=seed)
    return _comparison((system.system, baseline.system), task_set, differences, fmean(differences), interval)


def compare_all(system: Graded, baseline: Graded, *, seed: int = 0) -> tuple[Comparison, ...]:
    """One comparison for each task set of which both attempted a question, and with several sets one of their
    unweighted average. Empty if they have no question in common.
    """
    theirs = _by_task_set(baseline.trajectories)
    names = [name for name in _by_task_set(system.trajectories) if name in theirs]
    strata = {name: values for name in names if (values := _differences(system, baseline, name))}
    rows = [compare(system, baseline, name, seed=seed) for name in strata]
    if len(rows) < 2:
        return tuple(rows)
    difference = fmean(fmean(values) for values in strata.values())
    pooled = [value for values in strata.values() for value in values]
    interval = stratified_bootstrap(list(strata.values()), seed=seed)
    return (*rows, _comparison((system.system, baseline.system), AVERAGE, pooled, difference, interval))


def _differences(system: Graded, baseline: Graded, task_set: str) -> list[float]:
    """For each common question, the first system's share of correct attempts minus the second's."""
    ours, theirs = _shares(system, task_set), _shares(baseline, task_set)
    return [share - theirs[question] for question, share in ours.items() if question in theirs]


def _shares(graded: Graded, task_set: str) -> dict[tuple[str, ...], float]:
    """For each question of the set, the share of correct attempts. Questions in two files of one source may have the
    same id.
    """
    joined = _join(graded.trajectories, graded.scores)
    part = {t.task.id: t.task for t in graded.trajectories if task_set in t.task.set_names}
    attempts = [t for t in graded.trajectories if t.task.id in part]
    return {
        (part[task_id].id_in_source, part[task_id].question, part[task_id].answer or ""): fmean(verdicts)
        for task_id, verdicts in _verdicts_by_task(attempts, joined).items()
    }


def _comparison(
    names: tuple[str, str], task_set: str, differences: Sequence[float], difference: float, interval: Interval
) -> Comparison:
    n_only_system = sum(value > 0 for value in differences)
    n_only_baseline = sum(value < 0 for value in differences)
    return Comparison(
        system=names[0],
        baseline=names[1],
        task_set=task_set,
        n_tasks=len(differences),
        difference=difference,
        interval=interval,
        n_only_system=n_only_system,
        n_only_baseline=n_only_baseline,
        p_value=mcnemar(n_only_system, n_only_baseline),
    )
