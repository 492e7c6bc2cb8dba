"""The types that readers, joining and trajectories share.

In: nothing. Out: ``Conversation`` and its parts, and the protocol of readers. Not here: any format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from understudy.curation.importing.normalised import NormalisedAttempt
from understudy.curation.traces.refusals import RefusedRow
from understudy.datafiles import Row
from understudy.records import Message, ToolSchema, Trajectory, Usage


@dataclass(frozen=True, slots=True)
class ReplyFacts:
    """What a log says about one reply, in addition to its text."""

    usage: Usage = field(default_factory=Usage)
    is_cut: bool = False
    """The token limit ended it."""
    response_id: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation with a model, or one request of it with its reply."""

    place: str
    messages: tuple[Message, ...]
    replies: Mapping[int, ReplyFacts] | None = None
    """By index in ``messages``: the messages that the log marks as replies of the model. None: all assistant messages
    are.
    """
    tools: tuple[ToolSchema, ...] = ()
    name: str = ""
    """The log's name for the conversation; feedback refers to it."""
    model: str = ""
    errors: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """By index in ``messages``: why the call of this result failed, if the log marks it as failed."""
    question: str = ""
    """Empty: the first user message."""
    references: tuple[str, ...] = ()
    answer: str | None = None
    score: float | None = None
    explanation: str = ""
    """Explanation of the score."""
    is_request: bool = False
    """It is one line of a request log: an equal line is a repetition, not a second attempt."""
    attempt: NormalisedAttempt | None = None
    """For logs that state the facts of the attempt themselves, such as smolagents' memory. They are never joined."""
    trajectory: Trajectory | None = None
    """For records of this package, which are taken as they are. They are never joined."""
    notes: tuple[str, ...] = ()
    """What the log contains and our records cannot express, such as encrypted reasoning; the report counts these notes.
    """


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user or a program reported about a conversation afterwards."""

    place: str
    conversation: str = ""
    response_id: str = ""
    score: float | None = None
    reference: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class OtherRow:
    """A row of the format that is not part of a conversation, such as the span of a tool."""

    kind: str


Found = Conversation | Feedback | OtherRow | RefusedRow


class TraceReader(Protocol):
    """Reads one format. A user's own reader is a class with these two methods."""

    def fits(self, value: object) -> bool:
        """Whether a row has this format. It must be quick and certain: the first reader that fits reads the row."""
        ...

    def read(self, rows: Iterable[Row]) -> Iterator[Found]:
        """Read all rows that fit, in their order. A row that cannot be read is a ``RefusedRow``, never an exception."""
        ...
