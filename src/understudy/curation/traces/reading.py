"""Rows of any format become trajectories, or are refused.

In: rows, and the readers that may read them. Out: trajectories with scores, refused rows, and a report that accounts
for every row. Not here: the source of the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from understudy.curation.traces.conversation import Conversation, Feedback, OtherRow, TraceReader
from understudy.curation.traces.joining import Joined, join
from understudy.curation.traces.node import short
from understudy.curation.traces.refusals import RefusalReason, RefusedRow, TraceError
from understudy.curation.traces.trajectories import Naming, question_of, score_of, trajectory_of
from understudy.datafiles import BadRow, Row, Rows
from understudy.records import Record, Score, Trajectory


class TraceReport(Record):
    """An account of what was read."""

    rows: int = 0
    by_reader: dict[str, int] = {}
    """Rows that each reader fits."""
    conversations: int = 0
    """Rows that became trajectories."""
    joined: int = 0
    """Rows that repeat the beginning of a longer conversation."""
    repeated: int = 0
    """Requests that equal another one, with the same reply."""
    forks: int = 0
    """Conversations that share replies with another one and then differ from it."""
    feedback: int = 0
    unmatched_feedback: int = 0
    """Feedback on conversations that occur in no row."""
    other: dict[str, int] = {}
    """Rows that are not part of a conversation, such as spans of tools, by their kind."""
    notes: dict[str, int] = {}
    """What logs contain and trajectories cannot express."""
    refused: dict[str, int] = {}
    """Refused rows by reason."""

    def __str__(self) -> str:
        readers = ", ".join(f"{count} {name}" for name, count in self.by_reader.items()) or "no reader fits"
        parts = [f"{self.rows} rows ({readers})", f"{self.conversations} conversations"]
        for name in ("joined", "repeated", "forks", "feedback", "unmatched_feedback"):
            if getattr(self, name):
                parts.append(f"{getattr(self, name)} {name.replace('_', ' ')}")
        for title, counts in (("other rows", self.other), ("noted", self.notes), ("refused", self.refused)):
            if counts:
                parts.append(f"{title}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported. Every row is accounted for in ``report``."""

    attempts: tuple[tuple[Trajectory, Score | None], ...]
    """None if nobody judged the attempt."""
    refused: tuple[RefusedRow, ...]
    report: TraceReport = field(default_factory=TraceReport)

    @property
    def counts(self) -> dict[RefusalReason, int]:
        """Refused rows by reason, most frequent first."""
        return dict(Counter(row.reason for row in self.refused).most_common())


def read_traces(rows: Rows, readers: Mapping[str, TraceReader], naming: Naming) -> Imported:
    """Read all rows, join requests to conversations, and make trajectories of them."""
    gathered = _Gathered()
    gathered.sort(rows, readers)
    conversations = list(gathered.read(readers))
    joined = join(conversations)
    attempts = tuple(_attempts(joined, gathered, naming))
    refused = sorted(gathered.refused, key=lambda row: gathered.places.get(row.place, gathered.n_rows))
    counts = Counter(str(row.reason) for row in refused).most_common()
    report = TraceReport(
        rows=gathered.n_rows,
        by_reader={name: len(found) for name, found in gathered.rows.items()},
        conversations=len(attempts),
        joined=joined.n_prefixes,
        repeated=joined.n_repeated,
        forks=joined.n_forks,
        feedback=len(gathered.feedback),
        unmatched_feedback=len(_unmatched(gathered.feedback, joined)),
        other=dict(gathered.other.most_common()),
        notes=dict(Counter(note for one in joined.conversations for note in one.notes).most_common()),
        refused=dict(counts),
    )
    return Imported(attempts, tuple(refused), report)


@dataclass(slots=True)
class _Gathered:
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    """By reader."""
    n_rows: int = 0
    feedback: list[Feedback] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)
    refused: list[RefusedRow] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    """The position of each row, by its place."""

    def sort(self, rows: Rows, readers: Mapping[str, TraceReader]) -> None:
        """Assign each row to the first reader that fits."""
        for row in rows:
            self.places[row.place] = self.n_rows
            self.n_rows += 1
            if isinstance(row, BadRow):
                self.refused.append(RefusedRow(place=row.place, reason=RefusalReason.UNREADABLE, detail=row.reason))
            elif (name := next((name for name, reader in readers.items() if _fits(reader, row)), None)) is None:
                self.refused.append(_no_reader(row, readers))
            else:
                self.rows[name].append(row)

    def read(self, readers: Mapping[str, TraceReader]) -> Iterator[Conversation]:
        for name, rows in self.rows.items():
            for found in readers[name].read(rows):
                match found:
                    case Conversation():
                        yield found
                    case Feedback():
                        self.feedback.append(found)
                    case OtherRow():
                        self.other[found.kind] += 1
                    case RefusedRow():
                        self.refused.append(found.model_copy(update={"reader": name}))


def _fits(reader: TraceReader, row: Row) -> bool:
    try:
        return reader.fits(row.value)
    except (TraceError, RecursionError):  # a value at an unexpected place: the row has another format
        return False


def _no_reader(row: Row, readers: Mapping[str, TraceReader]) -> RefusedRow:
    keys = f"an object with {', '.join(map(str, row.value)) or 'no keys'}" if isinstance(row.value, dict) else ""
    detail = f"no reader fits (of {', '.join(readers)}): got {keys[:200] or short(row.value)}"
    return RefusedRow(place=row.place, reason=RefusalReason.UNKNOWN_SHAPE, detail=detail)


def _attempts(joined: Joined, gathered: _Gathered, naming: Naming) -> Iterator[tuple[Trajectory, Score | None]]:
    n_of_question: Counter[str] = Counter()
    own_ids: set[str] = set()
    said_of = _by_name(gathered.feedback)
    for one, names in zip(joined.conversations, joined.names, strict=True):
        numbers = sorted({number for name in names for number in said_of.get(name, ())})
        said = [gathered.feedback[number] for number in numbers]
        if one.trajectory is not None:
            yield from _own(one, one.trajectory, said, own_ids, gathered)
            continue
        try:
            question = question_of(one)
            trajectory = trajectory_of(one, naming, n_of_question[question], said)
        except TraceError as error:
            gathered.refused.append(RefusedRow(place=one.place, reason=error.reason, detail=str(error)))
            continue
        n_of_question[question] += 1
        yield trajectory, score_of(trajectory, one, said)


def _own(
    one: Conversation, trajectory: Trajectory, said: Sequence[Feedback], ids: set[str], gathered: _Gathered
) -> Iterator[tuple[Trajectory, Score | None]]:
    """A record of this package, as it is."""
    if trajectory.id in ids:
        detail = f"expected one row for each attempt; an earlier row has the id {trajectory.id!r}"
        gathered.refused.append(RefusedRow(place=one.place, reason=RefusalReason.REPEATED_ID, detail=detail))
        return
    ids.add(trajectory.id)
    yield trajectory, score_of(trajectory, one, said)


def _by_name(feedback: Sequence[Feedback]) -> dict[str, list[int]]:
    """By name of a conversation or id of a response: the places of the feedback."""
    said: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(feedback):
        for name in {one.conversation, one.response_id} - {""}:
            said[name].append(number)
    return said


def _unmatched(feedback: Iterable[Feedback], joined: Joined) -> list[Feedback]:
    known = {name for names in joined.names for name in names}
    return [one for one in feedback if not {one.conversation, one.response_id} & known]
