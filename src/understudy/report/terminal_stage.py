"""A stage without attempts in the terminal: a training, first thoughts, a failed curation, any other.

In: its folder and its ``Stage``. Out: rich renderables: state and result, and of a training its steps, losses and
checkpoint. Not here: trajectories and examples (``terminal_reading``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from understudy.report.agreements import agreement_table, read_agreements
from understudy.report.cleanings import cleaning_tables, is_cleaning, read_cleaning
from understudy.report.data import Stage
from understudy.report.stage_files import read_facts, read_rows
from understudy.report.visible import plain, table_of
from understudy.run_layout import DROPPED

_N_LOG_LINES = 10
_SUMMARIES = ("summary.json", "metrics.json", "checkpoint/student.json")


def show_stage(folder: Path, stage: Stage) -> RenderableType:
    """The result of a stage, and the files in its folder."""
    agreements = agreement_table(read_agreements(folder.parents[1], [stage]))
    parts = (_head(stage), _cleaned(folder, stage), _drops(folder), _log(folder), (agreements,))
    return Group(*(one for part in (*parts, _summaries(folder), _files(stage)) for one in part))


def _head(stage: Stage) -> Iterator[RenderableType]:
    yield Text.assemble(plain(stage.key, "bold"), f"  {stage.state.value}, {stage.n:,} records")
    if stage.error:
        yield plain(stage.error, "red")
    if stage.inputs:
        yield plain(f"from {', '.join(stage.inputs)}", "dim")
    if stage.counts:
        yield plain(" · ".join(f"{name.replace('_', ' ')} {value:,.10g}" for name, value in stage.counts.items()))


def _cleaned(folder: Path, stage: Stage) -> Iterator[RenderableType]:
    run_dir = folder.parents[1]
    if is_cleaning(run_dir, stage):
        yield cleaning_tables(read_cleaning(run_dir, stage).summary)


def _drops(folder: Path) -> Iterator[RenderableType]:
    reasons = Counter(str(row.get("reason")) for row in read_rows(folder / DROPPED))
    if reasons:
        yield plain("dropped: " + ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common()))


def _log(folder: Path) -> Iterator[RenderableType]:
    """The last lines of a training's log: its steps, its losses, its learning rate."""
    rows = [row for row in read_rows(folder / "log.jsonl") if "step" in row]
    if not rows:
        return
    shown = rows[-_N_LOG_LINES:]
    names = list(dict.fromkeys(name for row in shown for name in row))
    table = table_of(*(name.replace("_", " ") for name in names), left=())
    for row in shown:
        table.add_row(*(plain(_number(row.get(name))) for name in names))
    yield Text()
    yield plain(f"The last {len(shown)} of {len(rows)} lines of the log:")
    yield table


def _summaries(folder: Path) -> Iterator[RenderableType]:
    for name in _SUMMARIES:
        facts = read_facts(folder / name)
        if facts:
            yield Text()
            yield plain(f"{name}:")
            yield _table(facts)


def _files(stage: Stage) -> Iterator[RenderableType]:
    if stage.files:
        yield Text()
        yield plain("Files:")
        yield _table([(name, f"{size:,} bytes") for name, size in stage.files])


def _table(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(plain(name, "dim"), plain(value))
    return table


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
