"""What signals are worth, and accuracy against cost of cascades: read from a run, and as tables in the terminal.

In: ``signals.json`` of stages, ``deferrals.json`` of a run. Out: records; rich renderables. Not here: the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from understudy.records import DeferralCurve, DeferralPoint, Interval, SignalFigures, SignalReport
from understudy.report.data import Stage
from understudy.report.visible import plain
from understudy.run_layout import DEFERRALS, SIGNALS_FILE
from understudy.runs import read_record

_CURVES = TypeAdapter(tuple[DeferralCurve, ...])
BAR_WIDTH = 24
WIDTH_WITH_BARS = 120
N_ROWS = 12
"""Points of a curve in the terminal; the page has all."""


def read_signal_reports(run_dir: Path, stages: Iterable[Stage]) -> dict[str, SignalReport]:
    """By the key of the stage. Raises ``BadRecordError`` for a damaged file."""
    paths = {stage.key: run_dir / stage.key / SIGNALS_FILE for stage in stages}
    return {key: read_record(path, SignalReport) for key, path in paths.items() if path.is_file()}


def read_deferral_curves(run_dir: Path) -> tuple[DeferralCurve, ...]:
    """Those of a run's evaluations; empty without cascades."""
    path = run_dir / DEFERRALS
    return _CURVES.validate_json(path.read_bytes()) if path.is_file() else ()


def cascade_tables(reports: dict[str, SignalReport], curves: Sequence[DeferralCurve]) -> RenderableType:
    """What each signal is worth, then a table for each curve."""
    return Group(*_signal_parts(reports), *(part for curve in curves for part in curve_parts(curve)))


def worth(figures: SignalFigures) -> str:
    """What a signal is worth, in words."""
    if figures.interval is None:
        return "has no value here"
    if figures.tells:
        return "tells"
    return "tells nothing" if figures.interval.high >= 0.5 else "tells the opposite"


def _signal_parts(reports: dict[str, SignalReport]) -> Iterator[RenderableType]:
    for key, report in reports.items():
        yield Text.assemble(
            plain(key, "bold"),
            f": is the student less sure where it is wrong? {report.n:,} development attempts, ",
            f"{report.n_right:,} right; thresholds for {report.bound}",
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("Signal", "AUROC", "95 % interval", "It", "Threshold", "Deferred, %"):
            is_text = name in ("Signal", "It")
            table.add_column(name, justify="left" if is_text else "right", no_wrap=name == "Signal", overflow="fold")
        for one in report.signals:
            is_chosen = one.signal == report.chosen
            table.add_row(
                plain(one.signal + (" ←" if is_chosen else ""), "bold" if is_chosen else ""),
                "–" if one.auroc is None else f"{one.auroc:.2f}",
                _bounds(one.interval),
                plain(worth(one), "" if one.tells else "yellow"),
                "–" if one.threshold is None else f"{one.threshold:.4g}",
                f"{100 * one.share:.1f}",
            )
        yield table
        yield Text()


def curve_parts(curve: DeferralCurve) -> Iterator[RenderableType]:
    """A heading, the table of points and what the columns mean."""
    program = " (a program)" if curve.teacher_is_program else ""
    yield plain(f"{curve.student}, then {curve.teacher}{program}, by {curve.signal}", "bold")
    yield plain(f"{curve.n_tasks:,} tasks: {curve.name}", "dim")
    yield _CurveTable(curve)
    yield Text(
        "At random: expected if the same share goes to the teacher at random; ○ in a bar. Tokens and USD are per task.",
        style="dim",
    )
    yield Text()


class _CurveTable:
    """A row a point; a narrow terminal shows no bars, so that figures stay on one line."""

    def __init__(self, curve: DeferralCurve) -> None:
        self.curve = curve

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with_cost = any(point.cost_usd is not None for point in self.curve.points)
        columns = list(_columns(with_cost=with_cost, with_bars=options.max_width >= WIDTH_WITH_BARS))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
        table.add_column("System", overflow="fold")
        for head, _ in columns:
            table.add_column(head, justify="left" if head.startswith("0 %") else "right", no_wrap=True)
        for point, name in _rows(self.curve):
            table.add_row(plain(name, "bold" if point.label else ""), *(cell(point) for _, cell in columns))
        yield table


def _columns(*, with_cost: bool, with_bars: bool) -> Iterator[tuple[str, Callable[[DeferralPoint], Text]]]:
    yield "Deferred\n%", lambda one: Text(f"{100 * one.share:.1f}")
    yield "Accu-\nracy", lambda one: Text(f"{100 * one.accuracy:.1f}")
    yield "95 %\ninterval", lambda one: Text(one.interval.percents, style="dim")
    if with_bars:
        yield "0 %" + " " * (BAR_WIDTH - 8) + "100 %", _bar
    yield "At\nrandom", lambda one: Text(f"{100 * one.random_accuracy:.1f}")
    yield "Gain", lambda one: Text(_signed(one.gain))
    yield "95 %\ninterval", lambda one: Text(_signed_bounds(one.gain_interval), style="dim")
    yield "Student\ntokens", lambda one: Text(f"{one.student_tokens:,.0f}")
    yield "Teacher\ntokens", lambda one: Text(f"{one.teacher_tokens:,.0f}")
    if with_cost:
        yield "USD", lambda one: Text("–" if one.cost_usd is None else f"{one.cost_usd:.2g}")


def _rows(curve: DeferralCurve) -> Iterator[tuple[DeferralPoint, str]]:
    """Both ends, the cascades that were run, and points between, by share."""
    first, *between, last = curve.points
    step = max(1, round(len(between) / N_ROWS))
    rows = [(first, f"{curve.student} alone"), *((point, "") for point in between[::step])]
    rows += [(point, f"{point.label}, at: {point.at}") for point in curve.runs]
    yield from sorted(rows, key=lambda row: row[0].share)
    yield last, f"{curve.teacher} alone"


def _bar(point: DeferralPoint) -> Text:
    """The interval as a line, with the accuracy and that of random deferral on it."""
    at = {name: round(value * (BAR_WIDTH - 1)) for name, value in _places(point)}
    bar = Text()
    for place in range(BAR_WIDTH):
        if place == at["accuracy"]:
            bar.append("●", style="bold blue")
        elif place == at["random"]:
            bar.append("○")
        elif at["low"] <= place <= at["high"]:
            bar.append("━", style="blue")
        else:
            bar.append("┈", style="dim")
    return bar


def _places(point: DeferralPoint) -> Iterator[tuple[str, float]]:
    yield "accuracy", point.accuracy
    yield "random", point.random_accuracy
    yield "low", point.interval.low
    yield "high", point.interval.high


def _bounds(interval: Interval | None) -> str:
    return "–" if interval is None else f"{interval.low:.2f}–{interval.high:.2f}"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _signed_bounds(interval: Interval) -> str:
    return f"{_signed(interval.low)} … {_signed(interval.high)}"
