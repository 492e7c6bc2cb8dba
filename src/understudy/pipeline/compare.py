"""Several runs side by side: the table over seeds of one recipe, or over different runs.

In: run directories. Out: a table with each run's accuracies; over seeds also their median and range. Reads
``metrics.json`` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from rich.table import Table

from understudy.pipeline.run_directory import RunDirectory, list_stages
from understudy.records import Manifest, Metrics
from understudy.run_layout import EVALUATE, MANIFEST, METRICS
from understudy.runs import read_record


class NoRunError(ValueError):
    """A folder is not a run directory."""


def compare_runs(run_dirs: Sequence[Path]) -> Table:
    """One row a system, one column a run; over seeds of one recipe also their median, lowest and highest.

    A column has the seed of its run, if all are of one recipe and their seeds differ, else the name of its folder.
    Raises ``NoRunError`` if a folder is not a run.
    """
    manifests = {run_dir: _manifest(run_dir) for run_dir in run_dirs}
    are_seeds = len({one.name for one in manifests.values()}) == 1 and _differ(one.seed for one in manifests.values())
    table = Table(title="Accuracy over seeds" if are_seeds else "Accuracy by run", title_justify="left")
    table.add_column("system")
    for run_dir, manifest in manifests.items():
        table.add_column(f"seed {manifest.seed}" if are_seeds else run_dir.resolve().name, justify="right")
    for heading in ("median", "lowest", "highest") if are_seeds else ():
        table.add_column(heading, justify="right")
    for system, by_run in _by_system(run_dirs).items():
        averages = [metrics.average for metrics in by_run.values()]
        is_program = any(metrics.is_program for metrics in by_run.values())
        cells = [f"{by_run[run_dir].average:.3f}" if run_dir in by_run else "–" for run_dir in manifests]
        summary = [f"{value:.3f}" for value in (median(averages), min(averages), max(averages))]
        name = f"{system} (program)" if is_program else system
        table.add_row(name, *cells, *(summary if are_seeds else ()))
    return table


def _manifest(run_dir: Path) -> Manifest:
    try:
        return RunDirectory(run_dir).read_manifest()
    except (FileNotFoundError, NotADirectoryError):
        what = "it is a file" if run_dir.is_file() else f"there is no {MANIFEST} in it"
        raise NoRunError(f"{run_dir}: expected a run directory; {what}") from None


def _differ(seeds: Iterable[int]) -> bool:
    found = list(seeds)
    return len(set(found)) == len(found)


def _by_system(run_dirs: Sequence[Path]) -> dict[str, dict[Path, Metrics]]:
    rows: dict[str, dict[Path, Metrics]] = {}
    for run_dir in run_dirs:
        for metrics in evaluations_of(run_dir):
            rows.setdefault(metrics.system, {})[run_dir] = metrics
    return rows


def evaluations_of(run_dir: Path) -> list[Metrics]:
    """Metrics of all evaluations of a run, in the order in which they were begun."""
    records = sorted(list_stages(run_dir), key=lambda record: record.started)
    folders = [RunDirectory(run_dir).folder(record.ref) for record in records if record.kind == EVALUATE]
    return [read_record(path, Metrics) for folder in folders if (path := folder / METRICS).exists()]
