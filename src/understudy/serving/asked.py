"""What a client says, and why a turn may be refused. In: nothing. Out: a record and errors. Not here: HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue

Exchanged = tuple[tuple[str, str], ...]
"""Turns as the user sees them: what was said, each with the answer, which is empty if there was none."""
_RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client says."""

    said: str
    earlier: Exchanged = ()
    """What was said before, if the client sent it."""
    name: str = ""
    """The client's name for the conversation; empty: the earlier messages identify it."""
    metadata: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    """Added to the metadata that describe the world of a new conversation."""
    must_exist: bool = False
    """The client did not send what was said before, and relies on the state that is kept."""


class RefusedError(Exception):
    """A turn cannot begin. The message is for the client."""

    status = 400
    code = "invalid_request"
    retry_after_s: float | None = None


class BusyError(RefusedError):
    """Too many turns or conversations."""

    status = 429
    code = "too_many_turns"

    def __init__(self, message: str, retry_after_s: float = _RETRY_AFTER_S) -> None:
        super().__init__(message)
        self.retry_after_s = max(_RETRY_AFTER_S, retry_after_s)


class ConversationBusyError(RefusedError):
    """Another turn of the same conversation runs."""

    status = 409
    code = "conversation_busy"


class GoneError(RefusedError):
    """The conversation is not kept any more."""

    status = 404
    code = "conversation_not_found"


class EndingError(RefusedError):
    """The server is about to end."""

    status = 503
    code = "shutting_down"
    retry_after_s = _RETRY_AFTER_S
