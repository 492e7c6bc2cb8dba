"""How a model's actions compare with stored ones: read from a run, and as a table in the terminal.

In: ``agreement.json`` of stages, or an ``Agreement``. Out: ``Agreement`` records; rich renderables. Not here: the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from understudy.records import Agreement, AgreementRate
from understudy.report.data import Stage
from understudy.report.visible import plain, table_of
from understudy.run_layout import AGREEMENT
from understudy.runs import read_record


def read_agreements(run_dir: Path, stages: Iterable[Stage]) -> tuple[Agreement, ...]:
    """Those of a run. Raises ``BadRecordError`` for a damaged file."""
    paths = (run_dir / stage.key / AGREEMENT for stage in stages)
    return tuple(read_record(path, Agreement) for path in paths if path.is_file())


def agreement_table(agreements: Iterable[Agreement]) -> RenderableType:
    """One table for each system: how often its action is the stored one."""
    return Group(*(part for one in agreements for part in _of(one)))


def _of(agreement: Agreement) -> Iterator[RenderableType]:
    program = " (program)" if agreement.is_program else ""
    yield Text.assemble(
        plain(agreement.system + program, "bold"),
        f" at {agreement.n_steps:,} stored steps of {agreement.n_conversations:,} conversations; no tool was executed",
    )
    heads = ("The same as stored", "Steps", "Same", "Rate, %", "95 % interval")
    table = table_of(*heads, left=heads[:1])
    for rate in agreement.rates:
        table.add_row(plain(rate.name), *_cells(rate))
    for rate in agreement.arguments:
        table.add_row(plain(f"  {rate.name}", "dim"), *_cells(rate))
    yield table
    yield plain(
        "stored → chosen: " + ", ".join(f"{kinds} {count:,}" for kinds, count in agreement.kinds.items()), "dim"
    )
    for count, what in (
        (agreement.n_failed, "steps without a reply, because of an infrastructure error, count in no rate"),
        (agreement.n_skipped, "stored steps without a readable action were left out"),
    ):
        if count:
            yield plain(f"{count:,} {what}", "yellow")
    yield Text()


def _cells(rate: AgreementRate) -> list[str]:
    return [f"{rate.n:,}", f"{rate.n_same:,}", f"{100 * rate.rate:.1f}", rate.interval.percents]
