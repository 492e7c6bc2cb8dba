"""Figures of systems and comparisons between them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, Field

from understudy.records.conversation import Usage, is_unused
from understudy.records.record import Record, is_empty
from understudy.records.step import Timing
from understudy.records.trajectory import StopReason


class Interval(Record):
    """A confidence interval of a mean in [0, 1]."""

    low: float
    high: float
    level: float = 0.95

    @property
    def percents(self) -> str:
        """Both bounds in per cent: ``47.5–62.5``."""
        return f"{100 * self.low:.1f}–{100 * self.high:.1f}"


class DeferralFigures(Record):
    """What a cascade passed to its teacher, within one task set."""

    teacher: str
    """Name of the teacher's model."""
    teacher_is_program: bool = False
    n_deferred: int
    n_without_value: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Deferred because the signal had no value."""
    student_usage: Usage
    """Sum over all trajectories, as ``teacher_usage``; together they are the usage of the task set."""
    teacher_usage: Usage


class TaskSetMetrics(Record):
    """Figures of one system on one task set."""

    task_set: str
    n: int
    """Trajectories, infrastructure errors included."""
    n_tasks: int
    n_correct: int
    n_not_scored: int = 0
    accuracy: float
    """Not-scored trajectories count as wrong."""
    interval: Interval
    mean_value: float | None = None
    """Mean of ``Score.value`` if the grader gives one."""
    search_rate: float | None = None
    """Share of trajectories that searched at least once."""
    searches_per_task: float | None = None
    grounded_rate: Annotated[float | None, Field(validation_alias=AliasChoices("grounded_rate", "support_rate"))] = None
    """Share of factual trajectories whose reference answer an observation contains."""
    stop_reasons: dict[StopReason, int] = {}
    step_failures: dict[str, int] = {}
    """Steps by ``ParseProblem`` or ``ExecutionStatus``, only those that failed."""
    n_cut_replies: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Replies that were cut at a stop string because the model had written beyond it."""
    mean_steps: float = 0.0
    deferral: Annotated[DeferralFigures | None, Field(exclude_if=is_empty)] = None
    """Of a cascade: what went to its teacher."""
    usage: Usage = Usage()
    """Sum over all trajectories."""
    user_usage: Annotated[Usage, Field(exclude_if=is_unused)] = Usage()
    """Sum over all trajectories of what the model that plays the user took; it is not part of ``usage``."""
    timing: Timing = Timing()


class Breakdown(StrEnum):
    """The property that a table's rows stand for."""

    TASK_SET = "task_set"
    LEVEL = "level"
    TYPE = "type"


class GroupAccuracy(Record):
    """One row of a table: the tasks of one level, type or set."""

    group: str
    """Empty if the source names none."""
    n: int
    n_tasks: int
    n_correct: int
    accuracy: float
    interval: Interval
    pass_at: tuple[float, ...]
    """Probability of a correct one among 1, 2, … attempts, up to the number that every task of the group has."""


class BreakdownTable(Record):
    """Accuracy within one task set by one property of its tasks."""

    task_set: str
    by: Breakdown
    groups: tuple[GroupAccuracy, ...]


class Rate(Record):
    """A share of attempts with its interval."""

    n: int
    """Attempts with a verdict."""
    n_yes: int
    rate: float
    """0 without attempts."""
    interval: Interval
    """Clustered by user task."""


class Robustness(Record):
    """What an attack on its tasks changes for one system."""

    source: str
    """Of the tasks, such as ``agentdojo_banking``."""
    n_tasks: int
    """Different user tasks that were attacked."""
    without_attack: Rate | None = None
    """The user's task was done, in worlds without an attack; None if these were not attempted."""
    under_attack: Rate
    """The user's task was done, in worlds with an attack."""
    attack_success: Rate
    """The agent did what the attack wanted."""


class Metrics(Record):
    """Figures of one system: ``metrics.json`` of an evaluation."""

    system: str
    """Label of the system as the recipe names it."""
    model: str
    agent: str
    is_program: bool = False
    """The model is a program, not a language model. Every display of these figures must say so."""
    task_sets: tuple[TaskSetMetrics, ...]
    average: float
    """Unweighted mean of the accuracies of all task sets."""
    breakdowns: tuple[BreakdownTable, ...] = ()
    """By level and by type if tasks differ in them; by task set, for pass@k, if tasks have several attempts."""
    robustness: Annotated[tuple[Robustness, ...], Field(exclude_if=is_empty)] = ()
    """One for each source of tasks of which some were attacked."""


class Comparison(Record):
    """A paired comparison of two systems on the same tasks."""

    system: str
    baseline: str
    task_set: str
    n_tasks: int
    difference: float
    """Accuracy of the system minus that of the baseline."""
    interval: Interval
    """Paired bootstrap, clustered by task. ``low`` and ``high`` are in [-1, 1]."""
    n_only_system: int
    """Tasks that only the system solves."""
    n_only_baseline: int
    p_value: float
    """Exact McNemar test, two-sided."""
