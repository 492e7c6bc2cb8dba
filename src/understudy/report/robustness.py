"""Systems under attack, as a table in the terminal.

In: systems with their metrics. Out: a rich renderable. Not here: the page, which draws the same figures itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from understudy.records import Rate
from understudy.report.data import System
from understudy.report.sentence import named
from understudy.report.visible import plain, table_of

_HEADS = ("Without attack, %", "Under attack, %", "Attack succeeds, %")


def robustness_table(systems: Sequence[System]) -> RenderableType | None:
    """A row for each system and source; None if nothing was attacked."""
    rows = [(system, one) for system in systems for one in system.metrics.robustness]
    if not rows:
        return None
    has_sources = len({one.source for _, one in rows}) > 1
    names = ("Under attack", "Tasks of") if has_sources else ("Under attack",)
    table = table_of(*names, "Tasks", *_HEADS, left=names)
    for system, one in rows:
        source = [plain(one.source)] if has_sources else []
        rates = [_cell(rate) for rate in (one.without_attack, one.under_attack, one.attack_success)]
        table.add_row(plain(named(system)), *source, f"{one.n_tasks:,}", *rates)
    note = "The first two columns are the user's tasks that were done. Intervals are clustered by user task."
    return Group(table, plain(note, "dim"), Text())


def _cell(rate: Rate | None) -> str:
    if rate is None or not rate.n:
        return "–"
    return f"{100 * rate.rate:.1f} ({rate.interval.percents})"
