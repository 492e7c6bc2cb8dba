"""Defines the interface between the agent loop and each way to act on the replies of a model.

In: a completion of the model. Out: a ``Turn``: the reply as the history keeps it, the action taken, and the
observations that the model sees next. Each way to act (code in a sandbox, JSON tool calls) is one class that implements
``Actions``. Sampling, the vote and the loop are the same for all of them. Not here: the implementations.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.agents.prompts import ObservationTexts
from understudy.agents.self_consistency import Ballot
from understudy.models import Request
from understudy.records import Candidate, Completion, ExecutionStatus, Message, ParseProblem, ToolCall
from understudy.tools import Tool


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply and its result."""

    message: Message
    """The whole assistant message, with its prefill."""
    observations: tuple[Message, ...] = ()
    """The messages that the model sees next; empty after a final answer."""
    problem: ParseProblem | None = None
    """Why the reply led to no action; None if it did."""
    status: ExecutionStatus | None = None
    """None if no action was taken."""
    error_name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    is_final: bool = False
    answer: str | None = None
    """The final answer; None if the turn is not final."""
    yielded: str = ""
    """The result of the reply, as a candidate of a vote records it."""
    agrees_by: Hashable | None = None
    """Equal for turns that agree in the vote; None for one that failed."""

    def ballot(self, completion: Completion) -> Ballot:
        """The ballot that the turn casts in the vote."""
        return Ballot(self.agrees_by, completion.mean_logprob)

    def candidate(self, completion: Completion, group: int | None, *, chosen: bool) -> Candidate:
        """The turn as the record of a vote keeps it."""
        return Candidate(
            reply=self.message.content,
            tool_calls=self.message.tool_calls,
            parse_problem=self.problem,
            execution_status=self.status,
            cut_at=completion.cut_at,
            observation=self.yielded,
            vote=group,
            mean_logprob=completion.mean_logprob,
            completion_tokens=completion.usage.completion_tokens,
            chosen=chosen,
        )


class Actions(Protocol):
    """The way to act of one attempt. Attempts do not share its state."""

    texts: ObservationTexts

    def prepared(self, request: Request) -> Request:
        """The request, completed with what this way to act needs, such as stop strings or tools."""
        ...

    def act(self, completion: Completion, prefill: str) -> Turn:
        """Act on one reply. ``prefill`` is the beginning of the reply, which the completion does not repeat."""
        ...

    def branch(self, completions: Sequence[Completion], prefill: str, *, keep_earlier: bool) -> list[Turn]:
        """Act on each of several replies, independently and from the same state. Actions with effects wait.

        ``keep_earlier``: candidates of earlier calls remain candidates, and the indices continue after theirs.
        """
        ...

    def announced(self, tools: Sequence[Tool]) -> str:
        """The text that announces tools which become available during a dialogue."""
        ...

    def said(self, completion: Completion, prefill: str) -> Message:
        """A reply as the history keeps it, before anything is done."""
        ...

    def restated(self, answer: str, number: int) -> Message:
        """The reply that gives this answer, for an earlier turn of which nothing else is known. ``number``: of the
        turn.
        """
        ...

    def interrupt(self) -> None:
        """End the code that runs now; from any thread."""
        ...

    def commit(self, index: int) -> Turn:
        """Keep one of the candidates. Its actions with effects, which waited, are done now and only once."""
        ...
