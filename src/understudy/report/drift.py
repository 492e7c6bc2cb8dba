"""The drift of a served agent as a table in the terminal. In: a ``Watched``. Out: a rich renderable. Not here: what
follows from it (``understudy.pipeline.watching``).
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from understudy.evaluation.drift import RATES, Drift, Verdict, Watched
from understudy.report.visible import plain, table_of

_STYLES = {Verdict.ROSE: "bold red", Verdict.FELL: "bold green", Verdict.NOT_SEEN: "dim", Verdict.UNKNOWN: "dim"}


def drift_table(watched: Watched, reference: str) -> RenderableType:
    """The signals in the reference and in the window. ``reference``: its name."""
    table = table_of("Signal", reference, "served", "difference, interval", "", left=("Signal", ""))
    for one in watched.drifts:
        table.add_row(*_row(one))
    level = f"Intervals of {100 * watched.level:.1f} % each: all {len(watched.drifts)} hold together in 95 % of windows"
    return Group(table, Text(), plain(level, "dim"))


def _row(one: Drift) -> list[RenderableType]:
    is_rate = one.signal in RATES
    style = _STYLES[one.verdict]
    if not is_rate and one.verdict is Verdict.FELL:  # a shorter answer is not a better one
        style = _STYLES[Verdict.ROSE]
    factor, unit = (100, " %") if is_rate else (1, "")
    difference = f"{factor * one.difference:+.1f} ({factor * one.low:+.1f} to {factor * one.high:+.1f})"
    values = [
        f"{factor * value:.1f}{unit} of {n:,}" if n else "–"
        for value, n in ((one.reference, one.n_reference), (one.window, one.n_window))
    ]
    seen = "–" if one.verdict is Verdict.UNKNOWN else difference
    name = one.signal if one.unit in ("conversations", one.signal) else f"{one.signal}, {one.unit}"
    return [plain(name), *map(plain, values), plain(seen), plain(str(one.verdict), style)]
