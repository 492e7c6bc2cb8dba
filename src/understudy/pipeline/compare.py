"""Several runs side by side: the table over seeds of one recipe, or over different runs.

In: run directories. Out: a table with each run's accuracies; over seeds also their median and range. Reads
``metrics.json`` only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    A column has the seed of its run, if the recipes differ in nothing but their seeds, else the name of its folder.
    A caption names the systems that did not answer the same questions in all runs. Raises ``NoRunError`` if a folder is
    not a run.
    """
    manifests = {run_dir: _manifest(run_dir) for run_dir in run_dirs}
    are_seeds = _are_seeds(manifests)
    table = Table(title="Accuracy over seeds" if are_seeds else "Accuracy by run", title_justify="left")
    table.add_column("system")
    headings = [f"seed {one.seed}" for one in manifests.values()] if are_seeds else _names(list(manifests))
    for heading in headings:
        table.add_column(heading, justify="right")
    for heading in ("median", "lowest", "highest") if are_seeds else ():
        table.add_column(heading, justify="right")
    systems = _by_system(run_dirs)
    table.caption = "\n".join(_other_questions(systems, dict(zip(manifests, headings, strict=True)))) or None
    table.caption_justify = "left"
    for system, by_run in systems.items():
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


def _are_seeds(manifests: dict[Path, Manifest]) -> bool:
    """Whether the runs are of one recipe, and no result depends on another setting than the seed."""
    if len({one.name for one in manifests.values()}) > 1 or len({one.seed for one in manifests.values()}) < len(
        manifests
    ):
        return False
    first: dict[str, object] = {}
    for run_dir in manifests:
        for record in list_stages(run_dir):
            settings = {key: value for key, value in record.settings.items() if key != "seed"}
            if first.setdefault(str(record.ref), settings) != settings:
                return False
    return True


def _names(run_dirs: Sequence[Path]) -> list[str]:
    """The names of the folders; the whole paths if two have the same name."""
    names = [run_dir.resolve().name for run_dir in run_dirs]
    return names if len({*names}) == len(names) else [str(run_dir) for run_dir in run_dirs]


def _other_questions(systems: dict[str, dict[Path, Metrics]], headings: dict[Path, str]) -> Iterator[str]:
    """A line for each system whose task sets, or their numbers of questions, differ between runs."""
    for system, by_run in systems.items():
        asked = {run: ", ".join(f"{t.task_set} {t.n_tasks}" for t in one.task_sets) for run, one in by_run.items()}
        if len({*asked.values()}) > 1:
            listed = "; ".join(f"{headings[run]}: {sets}" for run, sets in asked.items())
            yield f"{system} did not answer the same questions: {listed}"


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
