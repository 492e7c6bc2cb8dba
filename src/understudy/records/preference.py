"""Two replies at the same state, of which one is preferred."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.records.conversation import FunctionCall, Message, ToolSchema
from understudy.records.record import Record, is_empty


class PreferencePair(Record):
    """A better and a worse reply after the same messages."""

    id: str
    task_id: str
    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    """The messages before the reply."""
    chosen: str
    rejected: str
    chosen_calls: Annotated[tuple[FunctionCall, ...], Field(exclude_if=is_empty)] = ()
    """Tool calls of the chosen reply, beside its text."""
    rejected_calls: Annotated[tuple[FunctionCall, ...], Field(exclude_if=is_empty)] = ()
    tools: Annotated[tuple[ToolSchema, ...], Field(exclude_if=is_empty)] = ()
    """The tool schemas that the chat template is given."""
    prefilled_chars: Annotated[int, Field(ge=0)] = 0
    """Number of leading characters of both replies that were prefilled: read, not trained."""
    rejected_is_whole: bool = True
    """The rejected reply was not cut. Where a limit cut it, its end of turn is not trained."""

    @model_validator(mode="after")
    def _both_have_words(self) -> Self:
        both = {"chosen": (self.chosen, self.chosen_calls), "rejected": (self.rejected, self.rejected_calls)}
        for name, (reply, calls) in both.items():
            if len(reply) <= self.prefilled_chars and not calls:
                raise ValueError(f"{name}: expected more than the {self.prefilled_chars} prefilled characters")
        return self
