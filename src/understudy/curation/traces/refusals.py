"""Rows that are not imported, and the reason for each.

In: actual and expected values. Out: an error while a row is read; a ``RefusedRow`` for the report. Not here: reading.
"""

from __future__ import annotations

from enum import StrEnum

from understudy.records import Record


class RefusalReason(StrEnum):
    """Why a row was not imported."""

    UNREADABLE = "unreadable"
    """It is not JSON or not UTF-8, or a damaged part of the file."""
    NOT_PLAIN_TEXT = "not_plain_text"
    """It contains pictures, sound, files or anything else that is neither text nor a tool call."""
    ODD_SCORE = "odd_score"
    """Its score is neither a verdict nor a blank."""
    UNKNOWN_SHAPE = "unknown_shape"
    NO_REPLY = "no_reply"
    """It has no reply of the model."""
    BROKEN_CALLS = "broken_calls"
    """A result without its call, a call whose result is missing in the middle of the conversation, or results that
    cannot be assigned to their calls.
    """
    HOSTED_TOOL = "hosted_tool"
    """A tool that the provider's server runs, such as its web search: a student's server has no such tool."""
    PROVIDER_ERROR = "provider_error"
    """The server answered with an error."""
    UNFINISHED = "unfinished"
    """The connection ended during a reply."""
    MISSING_HISTORY = "missing_history"
    """It continues a conversation that only the provider stores and that occurs in no row."""
    REPEATED_ID = "repeated_id"
    """A record of this package whose id an earlier row has."""
    OLD_CONVENTION = "old_convention"
    """Spans of an unsupported version of the conventions."""


class RefusedRow(Record):
    """A row that was not imported."""

    place: str
    """File and line or row."""
    reason: RefusalReason
    detail: str
    reader: str = ""
    """The reader that refused it; empty if none fits."""

    def __str__(self) -> str:
        return f"{self.place}: {self.detail}"


class TraceError(ValueError):
    """A row cannot become a conversation. The message names the actual value, the expected one and the place in the
    row.
    """

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def unknown_shape(detail: str) -> TraceError:
    """A value that was not expected at its place."""
    return TraceError(RefusalReason.UNKNOWN_SHAPE, detail)


def not_text(detail: str) -> TraceError:
    """Content that is not text."""
    return TraceError(RefusalReason.NOT_PLAIN_TEXT, detail)


def hosted_tool(detail: str) -> TraceError:
    """A tool of the provider's server."""
    return TraceError(RefusalReason.HOSTED_TOOL, detail)


def broken_calls(detail: str) -> TraceError:
    """Calls and results that do not belong together."""
    return TraceError(RefusalReason.BROKEN_CALLS, detail)
