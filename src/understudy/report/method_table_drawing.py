"""Draws the paper's table for several runs, in the terminal and as a page.

In: a ``MethodTable``. Out: rich renderables, an HTML file without any script. Not here: the figures (``method_table``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import combinations
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from understudy.report.method_table import Agreement, Cell, MethodTable, Pair, Scope, TableRow
from understudy.report.paper import PaperMethod, paper_differences
from understudy.report.visible import plain, table_of, visible
from understudy.runs import write_atomic

MARKS = {
    Agreement.AGREES: "✓",
    Agreement.DISAGREES: "✗",
    Agreement.CANNOT_TELL: "?",
    Agreement.PAPER_DIFFERS: "·",
}
CAPTION = (
    "Average accuracy in % over task sets, each of which counts the same, with 95 % intervals over questions (not over "
    "training seeds)."
)
KEY = (
    "Each pair is compared on the same questions: our difference in points, its 95 % interval, the p-value (not "
    "corrected for the number of pairs), then a mark each for all sets, in domain and out of domain. "
    "✓ our order is the paper's, ✗ it is the opposite, ? our interval holds zero or p is .05 or more, · "
    "the paper's sizes differ among themselves. The paper's column: its smallest and largest difference over four "
    "sizes."
)


@dataclass(frozen=True, slots=True)
class _Grid:
    """A table of strings."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def draw_in_terminal(table: MethodTable) -> RenderableType:
    """Both tables and a legend of the marks: the runs below one another, so that 80 columns are enough."""
    parts: list[RenderableType] = [Text(CAPTION, style="dim"), _stacked_averages(table), Text()]
    parts += [_stacked_pairs(table), Text(), Text(KEY, style="dim"), *(plain(line) for line in counts(table))]
    return Group(*parts)


def write_method_table(table: MethodTable, path: Path) -> Path:
    """Write the page and return its path."""
    title = "The paper's table"
    style = files("understudy.report").joinpath("assets", "base.css").read_text(encoding="utf-8")
    body = "".join(
        (
            f"<h1>{title}</h1><p>{CAPTION}</p>",
            _html(averages(table)),
            "<h2>Pairs of methods, compared with the paper's ordering</h2>",
            _html(pairs(table)),
            f"<p>{escape(KEY)}</p>",
            *(f"<p>{escape(line)}</p>" for line in counts(table)),
        )
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{style}{_STYLE}</style></head>"
        f"<body>{body}</body></html>"
    )
    write_atomic(path, page)
    return path


_STYLE = (
    "body{padding:1rem 2rem}div{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.2rem .7rem;text-align:right;white-space:nowrap}"
    "td:nth-child(-n+2),th:nth-child(-n+2){text-align:left}"
    "tr:hover td{background:rgb(128 128 128/.12)}"
)


def averages(table: MethodTable) -> _Grid:
    """One row for each run and scope, one column for each method."""
    rows = []
    for row in table.rows:
        for scope in Scope:
            cells = [_percent(row.cells.get((method, scope))) for method in PaperMethod]
            teacher = _percent(row.teacher) if scope is Scope.ALL else ""
            name = row.name if scope is Scope.ALL else ""
            rows.append(
                (
                    name,
                    _scope(row, scope),
                    *cells,
                    f"{teacher} (program)" if teacher and row.teacher_is_program else teacher,
                )
            )
    return _Grid(("run", "sets", *(method.heading for method in PaperMethod), "teacher"), tuple(rows))


def pairs(table: MethodTable) -> _Grid:
    """One row for each pair of methods, one column for each run."""
    rows = []
    for earlier, later in combinations(PaperMethod, 2):
        paper = sorted(100 * one for one in paper_differences(later, earlier))
        ours = [_compared(row, later, earlier) for row in table.rows]
        rows.append((f"{later.heading} over {earlier.heading}", f"{_signed(paper[0])} to {_signed(paper[-1])}", *ours))
    return _Grid(("pair", "paper", *(row.name for row in table.rows)), tuple(rows))


def counts(table: MethodTable) -> Iterator[str]:
    """How often each run agrees with the paper."""
    for row in table.rows:
        for scope in Scope:
            found = Counter(pair.agreement for (*_, here), pair in row.pairs.items() if here is scope)
            if found:
                shares = ", ".join(f"{one} {found[one]}" for one in Agreement)
                yield f"{row.name}, {_scope(row, scope)}: of {found.total()} pairs {shares}"


def _scope(row: TableRow, scope: Scope) -> str:
    return f"{scope} ({_n_sets(row, scope)})"


def _n_sets(row: TableRow, scope: Scope) -> int:
    return max((cell.n_sets for (_, here), cell in row.cells.items() if here is scope), default=0)


def _percent(cell: Cell | None) -> str:
    if cell is None:
        return "–"
    return f"{100 * cell.accuracy:.1f} [{100 * cell.interval.low:.0f}–{100 * cell.interval.high:.0f}]"


def _compared(row: TableRow, one: PaperMethod, other: PaperMethod) -> str:
    found = [row.pairs.get((one, other, scope)) for scope in Scope]
    whole = found[0]
    if whole is None:
        return "–"
    low, high = (_signed(100 * bound) for bound in (whole.comparison.interval.low, whole.comparison.interval.high))
    difference = _signed(100 * whole.comparison.difference)
    return f"{difference} [{low}, {high}] {_p_value(whole.comparison.p_value)} {_marks(found)}"


def _p_value(value: float) -> str:
    return "p<.001" if value < 0.001 else f"p {min(value, 1):.3f}".replace(" 0.", " .")


def _marks(found: Sequence[Pair | None]) -> str:
    return "".join("–" if pair is None else MARKS[pair.agreement] for pair in found)


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0:+.1f}".replace("-", "−")


def _stacked_averages(table: MethodTable) -> Table:
    """For each run one row for each method, and one column for each scope."""
    drawn = table_of("", *Scope, left=("",))
    for row in table.rows:
        drawn.add_row(Text(visible(row.name), style="bold"), *(f"{_n_sets(row, scope)} sets" for scope in Scope))
        for method in PaperMethod:
            drawn.add_row(f"  {method.heading}", *(_percent(row.cells.get((method, scope))) for scope in Scope))
        if row.teacher:
            name = "  teacher (program)" if row.teacher_is_program else "  teacher"
            drawn.add_row(name, _percent(row.teacher), "", "")
    return drawn


def _stacked_pairs(table: MethodTable) -> Table:
    """For each run one row for each pair of methods."""
    drawn = table_of("pair", "paper", "here", left=("pair",))
    grid = pairs(table)
    for number, row in enumerate(table.rows):
        drawn.add_row(Text(visible(row.name), style="bold"), "", "")
        for name, paper, *ours in grid.rows:
            drawn.add_row(f"  {name}", paper, ours[number])
    return drawn


def _html(grid: _Grid) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in grid.head)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows)
    return f"<div><table><tr>{head}</tr>{rows}</table></div>"
