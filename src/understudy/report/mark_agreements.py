"""How graders agree with a person's marks: read from a run, and as a table in the terminal.

In: ``marks.jsonl`` of a run, trajectories and scores of the marked stages. Out: ``MarkAgreement`` records; rich
renderables. Not here: the page, marking (``labelling``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from understudy.evaluation import agreement_with_marks
from understudy.grading import read_marks, shown_digest
from understudy.records import Interval, MarkAgreement, Score, Trajectory
from understudy.report.rows import read_if_there
from understudy.report.visible import plain, table_of
from understudy.run_layout import MARKS, SCORES, TRAJECTORIES, stage_refs


def read_mark_agreements(run_dir: Path) -> tuple[MarkAgreement, ...]:
    """Those of all marked stages of a run. Marks of messages that have changed are left out. Raises ``BadRecordError``
    for a damaged file.
    """
    marks = read_marks(run_dir / MARKS)
    marked = {one.stage for one in marks}
    found: list[MarkAgreement] = []
    for key in (str(ref) for ref in stage_refs(run_dir) if str(ref) in marked):
        shown = {(one.trajectory_id, one.digest): one for one in marks if one.stage == key}
        ids = {name for name, _ in shown}
        read = read_if_there(run_dir / key / TRAJECTORIES, Trajectory)
        same = [shown.get((one.id, shown_digest(one))) for one in read if one.id in ids]
        scores = read_if_there(run_dir / key / SCORES, Score)
        found += agreement_with_marks(key, scores, [one for one in same if one is not None])
    return tuple(found)


def mark_agreement_table(agreements: Sequence[MarkAgreement]) -> RenderableType:
    """A row a grader and stage; empty without any."""
    return Group(*_parts(agreements))


def _parts(agreements: Sequence[MarkAgreement]) -> Iterator[RenderableType]:
    if not agreements:
        return
    yield Text("Agreement with a person who marked a sample, weighted to all attempts with a verdict")
    heads = ("Grader", "Attempts", "Same", "Agreement, %", "95 % interval", "Kappa", "95 % interval")
    table = table_of(*heads, left=heads[:2])
    for one in agreements:
        kappa = "–" if one.kappa is None else f"{one.kappa:.2f}"
        cells = (f"{one.n_same:,} of {one.n:,}", f"{100 * one.rate:.1f}", _bounds(one.interval, 100, 1), kappa)
        table.add_row(plain(one.grader), plain(one.stage), *cells, _bounds(one.kappa_interval, 1, 2))
    yield table
    for one in agreements:
        if one.n_not_judged:
            yield plain(f"{one.grader} did not judge {one.n_not_judged:,} marked attempts", "yellow")
        if one.unmarked:
            said = f"no attempt that {one.grader} calls {one.unmarked} is marked; the rates leave them out"
            yield plain(said, "yellow")
    yield Text()


def _bounds(interval: Interval | None, factor: float, digits: int) -> str:
    if interval is None:
        return "–"
    return f"{factor * interval.low:.{digits}f}–{factor * interval.high:.{digits}f}"
