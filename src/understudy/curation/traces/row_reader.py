"""The base of readers that read each row separately.

In: rows. Out: the conversations of each row, or the reason why it is refused. A subclass implements ``fits`` and
``conversations``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from understudy.curation.importing.foreign import ODD_SCORE
from understudy.curation.importing.plain_text import NOT_PLAIN_TEXT
from understudy.curation.traces.conversation import Conversation, Feedback, Found
from understudy.curation.traces.refusals import RefusalReason, RefusedRow, TraceError
from understudy.datafiles import Row
from understudy.registry import PartConfig
from understudy.runs import explain


class RowReader(ABC):
    """Reads each row by itself."""

    def __init__(self, config: PartConfig | None = None) -> None:
        self.config = config

    @abstractmethod
    def fits(self, value: object) -> bool:
        """Whether a row has this format."""

    @abstractmethod
    def conversations(self, value: object) -> Iterable[Found]:
        """What a row holds. Raises ``TraceError`` and pydantic's errors."""

    def read(self, rows: Iterable[Row]) -> Iterator[Found]:
        """Read all rows."""
        for row in rows:
            yield from self.read_row(row)

    def read_row(self, row: Row) -> list[Found]:
        """What a row holds, with its place; a ``RefusedRow`` alone if any of it cannot be read."""
        try:
            found = list(self.conversations(row.value))
        except (ValueError, RecursionError) as error:
            return [refused(row.place, error)]
        return [replace(one, place=row.place) if isinstance(one, Conversation | Feedback) else one for one in found]


def refused(place: str, error: ValueError | RecursionError) -> RefusedRow:
    """The row that an error refuses."""
    detail = explain(error, "row") if isinstance(error, ValidationError) else str(error)
    return RefusedRow(place=place, reason=_reason(error), detail=detail)


def _reason(error: Exception) -> RefusalReason:
    if isinstance(error, TraceError):
        return error.reason
    types = set(_types(error))
    if NOT_PLAIN_TEXT in types:
        return RefusalReason.NOT_PLAIN_TEXT
    return RefusalReason.ODD_SCORE if ODD_SCORE in types else RefusalReason.UNKNOWN_SHAPE


def _types(error: Exception) -> Iterator[str]:
    if isinstance(error, ValidationError):
        yield from (one["type"] for one in error.errors(include_url=False, include_input=False))
    elif isinstance(error, PydanticCustomError):
        yield error.type
