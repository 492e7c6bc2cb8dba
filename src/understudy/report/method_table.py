"""The paper's table for several runs: one row for each run, one column for each method, and the paper's ordering.

In: run directories whose recipes state which system belongs to which column (``report.methods``,
``report.paper_cells``). Out: averages over all task sets, in domain and out of domain, with intervals; and all pairs of
methods, tested on the same questions. Not here: drawing the table (``method_table_drawing``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from statistics import fmean

from understudy.evaluation import Graded, compare_all
from understudy.records import Comparison, Interval, Metrics, Score, Trajectory
from understudy.report.collect import read_metrics, read_recipe
from understudy.report.config import ReportConfig
from understudy.report.paper import PaperMethod, paper_differences
from understudy.report.rows import read_if_there
from understudy.report.side_by_side import run_names
from understudy.report.stage_files import read_stages
from understudy.report.systems import average_interval
from understudy.run_layout import SCORES, TRAJECTORIES


class NoMethodsError(ValueError):
    """The recipe of a run does not state which system belongs to which column of the paper's table."""


class Scope(StrEnum):
    """The task sets that an average covers."""

    ALL = "all"
    IN_DOMAIN = "in domain"
    OUT_OF_DOMAIN = "out of domain"


class Agreement(StrEnum):
    """Whether our difference has the same sign as the paper's."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    CANNOT_TELL = "cannot tell"
    """Our interval contains zero, or the paired test finds no significant difference."""
    PAPER_DIFFERS = "paper differs"
    """The paper's model sizes disagree on the order of the two."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One average of a run."""

    accuracy: float
    interval: Interval
    n_sets: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two methods of one run, compared on the same questions. The difference is the first minus the second."""

    comparison: Comparison
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class TableRow:
    """One run."""

    name: str
    is_finished: bool
    """Whether every column has a figure."""
    cells: dict[tuple[PaperMethod, Scope], Cell]
    pairs: dict[tuple[PaperMethod, PaperMethod, Scope], Pair]
    teacher: Cell | None
    teacher_is_program: bool


@dataclass(frozen=True, slots=True)
class MethodTable:
    """All rows."""

    rows: tuple[TableRow, ...]


@dataclass(frozen=True, slots=True)
class _System:
    folder: Path
    metrics: Metrics

    def graded(self, task_sets: Sequence[str]) -> Graded:
        """The graded attempts at the tasks of some sets."""
        found = read_if_there(self.folder / TRAJECTORIES, Trajectory)
        attempts = [one for one in found if set(one.task.set_names) & set(task_sets)]
        ids = {one.id for one in attempts}
        scores = [one for one in read_if_there(self.folder / SCORES, Score) if one.trajectory_id in ids]
        return Graded(self.metrics.system, attempts, scores)


def method_table(run_dirs: Sequence[Path]) -> MethodTable:
    """The table for some runs. Raises ``NoMethodsError``, and ``FileNotFoundError`` if a folder is not a run."""
    names = run_names(run_dirs)
    return MethodTable(tuple(_row(run_dir, name) for run_dir, name in zip(run_dirs, names, strict=True)))


def _row(run_dir: Path, name: str) -> TableRow:
    if not run_dir.is_dir():
        raise FileNotFoundError(f"{run_dir}: expected a run directory, there is none")
    recipe = read_recipe(run_dir)
    config = recipe.config
    found = {
        one.system: _System(run_dir / key, one)
        for key, one in read_metrics(run_dir, read_stages(run_dir), recipe).items()
    }
    systems = {method: found[label] for label, method in config.columns.items() if label in found}
    if not systems:
        known = ", ".join(found) or "none yet"
        raise NoMethodsError(
            f"{run_dir}: expected report.methods, which names the column of each system (here: {known})"
        )
    teacher = found.get(config.teacher)
    return TableRow(
        name=config.title or name,
        is_finished=len(systems) == len(PaperMethod),
        cells=dict(_cells(systems, config)),
        pairs=dict(_pairs(systems, config)),
        teacher=None if teacher is None else _cell(teacher.metrics, _sets(teacher.metrics, config, Scope.ALL)),
        teacher_is_program=teacher is not None and teacher.metrics.is_program,
    )


def _cells(
    systems: dict[PaperMethod, _System], config: ReportConfig
) -> Iterator[tuple[tuple[PaperMethod, Scope], Cell]]:
    for method, system in systems.items():
        for scope in Scope:
            if names := _sets(system.metrics, config, scope):
                yield (method, scope), _cell(system.metrics, names)


def _sets(metrics: Metrics, config: ReportConfig, scope: Scope) -> list[str]:
    names = [one.task_set for one in metrics.task_sets]
    match scope:
        case Scope.IN_DOMAIN:
            return [name for name in names if name in config.in_domain]
        case Scope.OUT_OF_DOMAIN:
            return [name for name in names if config.in_domain and name not in config.in_domain]
    return names


def _cell(metrics: Metrics, names: Sequence[str]) -> Cell:
    kept = tuple(one for one in metrics.task_sets if one.task_set in names)
    part = metrics.model_copy(update={"task_sets": kept, "average": fmean(one.accuracy for one in kept)})
    return Cell(part.average, average_interval(part), len(kept))


def _pairs(
    systems: dict[PaperMethod, _System], config: ReportConfig
) -> Iterator[tuple[tuple[PaperMethod, PaperMethod, Scope], Pair]]:
    for scope in Scope:
        graded = {
            method: system.graded(names)
            for method, system in systems.items()
            if (names := _sets(system.metrics, config, scope))
        }
        for earlier, later in combinations([method for method in PaperMethod if method in graded], 2):
            if compared := compare_all(graded[later], graded[earlier]):
                # For several sets, the last comparison is that of the average.
                found = compared[-1]
                yield (later, earlier, scope), Pair(found, agreement(later, earlier, found.interval, found.p_value))


def agreement(one: PaperMethod, other: PaperMethod, interval: Interval, p_value: float) -> Agreement:
    """Whether our difference between two methods has the paper's sign.

    Interval and test can disagree: the interval is that of an average over sets, and the test counts the questions of
    all sets.
    """
    differences = paper_differences(one, other)
    if min(differences) <= 0 <= max(differences):
        return Agreement.PAPER_DIFFERS
    if interval.low <= 0 <= interval.high or p_value >= 1 - interval.level:
        return Agreement.CANNOT_TELL
    return Agreement.AGREES if (interval.low > 0) == (differences[0] > 0) else Agreement.DISAGREES
