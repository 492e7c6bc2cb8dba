"""What the labelling page shows and stores: a sample of attempts, and a person's marks of them.

In: a run directory and one of its stages. Out: items in the order in which they are shown, and ``marks.jsonl`` in the
run directory: a line a mark, made durable before the page goes on, so that a kill loses nothing. The page does not show
the grader's verdict, which would sway the person. Not here: HTTP (``view``), agreement (``understudy.evaluation``).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from understudy.evaluation import agreement_with_marks
from understudy.grading import read_marks, shown_digest
from understudy.records import Mark, MarkAgreement, MarkVerdict, Record, Score, Trajectory
from understudy.report.data import Body, Row, Verdict
from understudy.report.outline import attempts_of
from understudy.report.rows import read_if_there
from understudy.report.stage_files import read_stages
from understudy.run_layout import MARKS, SCORES, TRAJECTORIES
from understudy.runs import append_jsonl

_STRATA = (Verdict.RIGHT, Verdict.WRONG, Verdict.NOT_SCORED)


class LabelItem(Record):
    """One attempt of the sample."""

    row: Row
    """Without the grader's verdict."""
    mark: MarkVerdict | None = None


class LabelSample(Record):
    """What the page shows."""

    run: str
    stage: str
    n_population: int
    """Attempts that the sample is drawn from."""
    items: tuple[LabelItem, ...]
    agreements: tuple[MarkAgreement, ...] = ()
    """Shown when all are marked."""
    undone: str = ""
    """Id of the attempt whose mark was just taken back."""


class NotMarkableError(ValueError):
    """There is no such stage or attempt to mark."""


class Labelling:
    """A sample that a person marks. Safe to call from several threads."""

    def __init__(self, run_dir: Path, stage: str, n: int = 50, seed: int = 0) -> None:
        """Draw the sample. Raises ``NotMarkableError`` for a stage without attempts."""
        self.run_dir, self.stage = run_dir, stage
        self.path = run_dir / MARKS
        self._lock = threading.Lock()
        rows = [row for row in _rows(run_dir, stage) if row.verdict in _STRATA]
        self._n_population = len(rows)
        self._rows = {row.id: row.model_copy(update=_BLIND) for row in stratified_sample(rows, n, seed)}
        found = (one for one in read_if_there(run_dir / stage / TRAJECTORIES, Trajectory) if one.id in self._rows)
        self._trajectories = {one.id: one for one in found}
        self._scores = list(read_if_there(run_dir / stage / SCORES, Score))
        self._marks = {one.trajectory_id: one for one in read_marks(self.path) if one.stage == stage}
        marked = [name for name in self._marks if name in self._rows]
        self._before: list[tuple[str, MarkVerdict | None]] = [(name, None) for name in marked]
        """Marks that can be taken back, and what stood before each."""

    def sample(self, undone: str = "") -> LabelSample:
        """The sample and its marks as they are now."""
        return LabelSample(
            run=self.run_dir.resolve().name,
            stage=self.stage,
            n_population=self._n_population,
            items=tuple(LabelItem(row=row, mark=self._mark_of(row.id)) for row in self._rows.values()),
            agreements=agreement_with_marks(self.stage, self._scores, self._standing()),
            undone=undone,
        )

    def body(self, name: str) -> Body:
        """The texts of an attempt, without scores. Raises ``NotMarkableError``."""
        return Body(trajectory=self._trajectory(name))

    def mark(self, name: str, verdict: MarkVerdict) -> LabelSample:
        """Store a mark. Raises ``NotMarkableError``, ``OSError`` if it cannot be stored."""
        with self._lock:
            before = self._mark_of(name)
            self._store(name, verdict)
            self._before.append((name, before))
        return self.sample()

    def undo(self) -> LabelSample:
        """Take back the last mark; what stood before it stands again. Raises as ``mark``."""
        with self._lock:
            if not self._before:
                return self.sample()
            name, before = self._before[-1]
            self._store(name, before or MarkVerdict.UNDONE)
            self._before.pop()
        return self.sample(undone=name)

    def _store(self, name: str, verdict: MarkVerdict) -> None:
        shown = shown_digest(self._trajectory(name))
        at = datetime.now(UTC).replace(microsecond=0).isoformat()
        mark = Mark(stage=self.stage, trajectory_id=name, verdict=verdict, digest=shown, at=at)
        with append_jsonl(self.path) as file:
            file.write(mark)
        self._marks[name] = mark

    def _trajectory(self, name: str) -> Trajectory:
        if name not in self._trajectories:
            raise NotMarkableError(f"{self.run_dir / self.stage}: the sample has no attempt {name!r}")
        return self._trajectories[name]

    def _standing(self) -> list[Mark]:
        known = self._trajectories
        return [
            one
            for name, one in self._marks.items()
            if one.verdict is not MarkVerdict.UNDONE and (name not in known or one.digest == shown_digest(known[name]))
        ]

    def _mark_of(self, name: str) -> MarkVerdict | None:
        found = next((one for one in self._standing() if one.trajectory_id == name), None)
        return None if found is None else found.verdict


_BLIND = {"verdict": Verdict.NOT_SCORED, "fate": ""}


def stratified_sample(rows: Sequence[Row], n: int, seed: int) -> list[Row]:
    """At most ``n`` rows: of each verdict by turns, drawn by the seed, whatever the order of the file is."""
    draw = random.Random(seed)
    strata = []
    for verdict in _STRATA:
        found = sorted((row for row in rows if row.verdict is verdict), key=lambda row: row.id)
        draw.shuffle(found)
        strata.append(found)
    by_turns = [row for place in range(len(rows)) for found in strata for row in found[place : place + 1]]
    chosen = by_turns[:n]
    draw.shuffle(chosen)  # else every other one would be right
    return chosen


def stage_to_mark(run_dir: Path, stage: str = "") -> str:
    """The stage with that key; if none is named, the only one with attempts. Raises ``NotMarkableError``."""
    keys = [one.key for one in read_stages(run_dir) if one.has_attempts and one.n]
    if stage.rstrip("/") in keys or (not stage and len(keys) == 1):
        return stage.rstrip("/") or keys[0]
    known = ", ".join(keys) or "(none: this run has no attempts yet)"
    raise NotMarkableError(f"{run_dir}: expected a stage with attempts, one of {known}; got {stage or 'none'}")


def _rows(run_dir: Path, stage: str) -> tuple[Row, ...]:
    try:
        return attempts_of(run_dir, stage).rows
    except LookupError as error:
        raise NotMarkableError(str(error)) from None
