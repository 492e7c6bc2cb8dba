"""Several runs of one recipe side by side: the table over seeds.

In: run directories. Out: a table with each run's accuracies, their median and range. Reads ``metrics.json`` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.table import Table

from understudy.pipeline.run_directory import RunDirectory, list_stages
from understudy.records import Metrics
from understudy.run_layout import EVALUATE, METRICS
from understudy.runs import read_record


def compare_runs(run_dirs: Sequence[Path]) -> Table:
    """One row a system, one column a run, by the seeds that their manifests name.

    Raises ``FileNotFoundError`` where a folder is no run.
    """
    table = Table(title="Accuracy over seeds", title_justify="left")
    table.add_column("system")
    rows: dict[str, dict[Path, Metrics]] = {}
    for run_dir in run_dirs:
        table.add_column(f"seed {RunDirectory(run_dir).read_manifest().seed}", justify="right")
        for metrics in evaluations_of(run_dir):
            rows.setdefault(metrics.system, {})[run_dir] = metrics
    for heading in ("median", "lowest", "highest"):
        table.add_column(heading, justify="right")
    for system, by_run in rows.items():
        averages = [metrics.average for metrics in by_run.values()]
        is_program = any(metrics.is_program for metrics in by_run.values())
        cells = [f"{by_run[run_dir].average:.3f}" if run_dir in by_run else "–" for run_dir in run_dirs]
        summary = [f"{value:.3f}" for value in (median(averages), min(averages), max(averages))]
        table.add_row(f"{system} (program)" if is_program else system, *cells, *summary)
    return table


def evaluations_of(run_dir: Path) -> list[Metrics]:
    """Metrics of all evaluations of a run, in the order in which they were begun."""
    records = sorted(list_stages(run_dir), key=lambda record: record.started)
    folders = [RunDirectory(run_dir).folder(record.ref) for record in records if record.kind == EVALUATE]
    return [read_record(path, Metrics) for folder in folders if (path := folder / METRICS).exists()]
