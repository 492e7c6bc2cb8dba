"""Two replies at the same state, of which one is preferred."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.records.conversation import Message
from understudy.records.record import Record


class PreferencePair(Record):
    """A better and a worse reply after the same messages."""

    id: str
    task_id: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    """The messages before the reply."""
    chosen: str
    rejected: str
    prefilled_chars: Annotated[int, Field(ge=0)] = 0
    """Number of leading characters of both replies that were prefilled: read, not trained."""
    rejected_is_whole: bool = True
    """The rejected reply was not cut. Where a limit cut it, its end of turn is not trained."""

    @model_validator(mode="after")
    def _both_have_words(self) -> Self:
        for name, reply in (("chosen", self.chosen), ("rejected", self.rejected)):
            if len(reply) <= self.prefilled_chars:
                raise ValueError(f"{name}: expected more than the {self.prefilled_chars} prefilled characters")
        return self
