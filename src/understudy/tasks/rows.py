"""One row of outside data becomes one ``Task``, or a counted reason why not, or an error that says where.

In: a row, the field map. Out: ``Task`` or ``SkipReason``. Not here: files and networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from understudy.datafiles import Row, scalar_text, texts
from understudy.records import Task, TaskKind
from understudy.records.task import content_id
from understudy.tasks.config import FieldMap
from understudy.tasks.source import BadTaskError, SkipReason


@dataclass(frozen=True, slots=True)
class RowReader:
    """Turns the rows of one source into tasks."""

    fields: FieldMap
    kind: TaskKind
    source: str
    split: str
    id_prefix: str
    """Beginning of each id, so that ids of several sets differ."""
    needs_answer: bool = False
    """A row with a blank answer is skipped; otherwise it is a task without a reference."""

    def read(self, row: Row) -> Task | SkipReason:
        """The row's task, or why there is none. Raises ``BadTaskError``."""
        if not isinstance(row.value, Mapping):
            raise BadTaskError(f"{row.place}: expected a JSON object, got {type(row.value).__name__}")
        question = _text(row, self.fields.question)
        if not question:
            _refuse(row, self.fields.question, "a question", "a blank text")
        answers = self._answers(row)
        if self.needs_answer and not answers:
            return SkipReason.EMPTY_ANSWER
        named = _texts(row, self.fields.aliases) if self.fields.aliases else ()
        aliases = dict.fromkeys(alias for alias in (*answers[1:], *named) if alias not in answers[:1])
        return Task(
            id=f"{self.id_prefix}{self._id(row, question, answers)}",
            question=question,
            answer=answers[0] if answers else None,
            aliases=tuple(aliases),
            kind=self.kind,
            source=self.source,
            split=self.split,
            level=_text(row, self.fields.level) if self.fields.level else "",
            type=_text(row, self.fields.type) if self.fields.type else "",
            turns=_texts(row, self.fields.turns) if self.fields.turns else (),
            metadata=_object(row, self.fields.metadata) if self.fields.metadata else {},
        )

    def _answers(self, row: Row) -> tuple[str, ...]:
        field = self.fields.answer
        is_named = "answer" in self.fields.model_fields_set
        is_there = isinstance(row.value, Mapping) and field in row.value
        return _texts(row, field) if is_named or is_there else ()

    def _id(self, row: Row, question: str, answers: tuple[str, ...]) -> str:
        if self.fields.id is None:
            return content_id(question, answers[0] if answers else None)
        return _text(row, self.fields.id) or _refuse(row, self.fields.id, "an id", "a blank text")


def _text(row: Row, field: str) -> str:
    """The text of a field; empty for null."""
    value = _lookup(row, field)
    text = "" if value is None else scalar_text(value)
    return _refuse(row, field, "a text or a finite number", value) if text is None else text


def _texts(row: Row, field: str) -> tuple[str, ...]:
    """All non-blank texts of a field that may hold null, one value, or a list of values."""
    value = _lookup(row, field)
    read = texts(value)
    return _refuse(row, field, "a text, a finite number or a list of them", value) if read is None else read


def _object(row: Row, field: str) -> dict[str, Any]:
    """The object of a field; empty for null."""
    value = _lookup(row, field)
    if value is not None and not isinstance(value, Mapping):
        _refuse(row, field, "an object", value)
    return dict(value or {})


def _lookup(row: Row, field: str) -> object:
    value = row.value
    for part in field.split("."):
        if not isinstance(value, Mapping) or part not in value:
            has = ", ".join(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
            raise BadTaskError(f"{row.place}, field {field!r}: expected in the row, which has {has}")
        value = value[part]
    return value


def _refuse(row: Row, field: str, expected: str, got: object) -> NoReturn:
    text = repr(got)
    raise BadTaskError(
        f"{row.place}, field {field!r}: expected {expected}, got {type(got).__name__} "
        f"{text if len(text) <= 80 else text[:79] + '…'}"
    )
