"""One row of outside data becomes one ``Task``, or a counted reason why not, or an error that says where.

In: a parsed row, the field map, where the row stands. Out: ``Task`` or ``SkipReason``. Not here: files and networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from understudy.records import Task, TaskKind
from understudy.tasks.config import FieldMap


class SkipReason(StrEnum):
    """Why a row did not become a task."""

    EMPTY_ANSWER = "empty_answer"
    """The reference answer is null or blank: nothing could be graded."""
    DUPLICATE = "duplicate"
    """The same question with the same answer came before."""


class BadTaskError(ValueError):
    """A row is not what the field map says; the message names file, line, field, what came and what was expected."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands."""

    values: Mapping[str, object]
    number: int
    """Counted from 1."""
    place: str
    """For messages: ``questions.jsonl, line 7``."""


@dataclass(frozen=True, slots=True)
class RowReader:
    """Turns the rows of one source into tasks."""

    fields: FieldMap
    kind: TaskKind
    source: str
    split: str

    def read(self, row: Row) -> Task | SkipReason:
        """The row's task, or why there is none. Raises ``BadTaskError``."""
        question = _text(row, self.fields.question)
        if not question:
            _refuse(row, self.fields.question, "a question", "a blank text")
        answers = _texts(row, self.fields.answer)
        if not answers:
            return SkipReason.EMPTY_ANSWER
        named = _texts(row, self.fields.aliases) if self.fields.aliases else ()
        aliases = dict.fromkeys(alias for alias in (*answers[1:], *named) if alias != answers[0])
        return Task(
            id=f"{self.source}/{self._id(row)}",
            question=question,
            answer=answers[0],
            aliases=tuple(aliases),
            kind=self.kind,
            source=self.source,
            split=self.split,
            level=_text(row, self.fields.level) if self.fields.level else "",
            type=_text(row, self.fields.type) if self.fields.type else "",
        )

    def _id(self, row: Row) -> str:
        if self.fields.id is None:
            return str(row.number)
        return _text(row, self.fields.id) or _refuse(row, self.fields.id, "an id", "a blank text")


def _text(row: Row, field: str) -> str:
    value = _lookup(row, field)
    text = _as_text(value)
    return _refuse(row, field, "a text or a number", value) if text is None else text


def _texts(row: Row, field: str) -> tuple[str, ...]:
    """All non-blank texts of a field that may hold null, one value, or a list of values."""
    value = _lookup(row, field)
    if value is None:
        return ()
    values = list(value) if isinstance(value, list | tuple) else [value]
    texts = [_as_text(one) for one in values if one is not None]
    if any(text is None for text in texts):
        _refuse(row, field, "a text, a number or a list of them", value)
    return tuple(text for text in texts if text)


def _lookup(row: Row, field: str) -> object:
    value: object = row.values
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            has = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
            raise BadTaskError(f"{row.place}, field {field!r}: expected in the row, which has {has}")
        value = value[part]
    return value


def _as_text(value: object) -> str | None:
    """A text without outer blanks; numbers as one would write them (``13138980.0`` is ``13138980``)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse(row: Row, field: str, expected: str, came: object) -> NoReturn:
    text = repr(came)
    raise BadTaskError(
        f"{row.place}, field {field!r}: expected {expected}, came {type(came).__name__} "
        f"{text if len(text) <= 80 else text[:79] + '…'}"
    )
