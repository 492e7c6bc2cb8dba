"""From the metrics of a run's evaluations to the rows of the table of distillation.

In: ``Metrics``, comparisons, the report's config. Out: ``System`` records in the order of the table. Not here: the
measuring of accuracies and their intervals (``understudy.evaluation``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

from understudy.records import Comparison, Interval, Metrics, Usage
from understudy.report.config import ReportConfig
from understudy.report.data import CandidateErrors, System, SystemRole


def systems_of(
    metrics: Mapping[str, Metrics],
    comparisons: Sequence[Comparison],
    candidates: Mapping[str, CandidateErrors | None],
    config: ReportConfig,
) -> tuple[System, ...]:
    """Return one system an evaluation. ``metrics`` and ``candidates`` go by the key of the collection."""
    roles = _roles(list(metrics.values()), comparisons, config)
    return tuple(_system(key, one, roles[one.system], candidates.get(key), config) for key, one in metrics.items())


def average_interval(metrics: Metrics) -> Interval:
    """Interval of the unweighted mean of independent accuracies, recovered from their own intervals (MOVER).

    Squared distances from estimate to bound add up as variances do, so each side keeps its own length.
    """
    n = len(metrics.task_sets)
    if n == 0:
        return Interval(low=0.0, high=1.0)
    below = sqrt(sum((one.accuracy - one.interval.low) ** 2 for one in metrics.task_sets)) / n
    above = sqrt(sum((one.interval.high - one.accuracy) ** 2 for one in metrics.task_sets)) / n
    level = metrics.task_sets[0].interval.level
    return Interval(low=max(0.0, metrics.average - below), high=min(1.0, metrics.average + above), level=level)


def _system(
    key: str, metrics: Metrics, role: SystemRole, candidates: CandidateErrors | None, config: ReportConfig
) -> System:
    n = sum(one.n for one in metrics.task_sets)
    usage = sum((one.usage for one in metrics.task_sets), Usage())
    seconds = sum(one.timing.model_s + one.timing.code_s for one in metrics.task_sets)
    cell = config.paper_cells.get(metrics.system)
    return System(
        key=key,
        role=role,
        metrics=metrics,
        interval=average_interval(metrics),
        n=n,
        tokens_per_question=usage.total_tokens / n if n else 0.0,
        cost_per_question_usd=None if usage.cost_usd is None or not n else usage.cost_usd / n,
        seconds_per_question=seconds / n if n else 0.0,
        paper=cell.figure if cell else None,
        candidates=candidates,
    )


def _roles(
    metrics: Sequence[Metrics], comparisons: Sequence[Comparison], config: ReportConfig
) -> dict[str, SystemRole]:
    named = Counter(one.baseline for one in comparisons)
    baseline = config.baseline or (named.most_common(1)[0][0] if named else "")
    others = [one for one in metrics if one.system not in (baseline, config.teacher) and not one.is_program]
    programs = [one.system for one in metrics if one.is_program]
    teacher = config.teacher or (programs[0] if len(programs) == 1 else "")
    best = max(others, key=lambda one: one.average).system if others else ""
    roles = {one.system: SystemRole.OTHER for one in metrics}
    roles |= {config.student or best: SystemRole.STUDENT, baseline: SystemRole.BASELINE}
    return roles | {teacher: SystemRole.TEACHER}
