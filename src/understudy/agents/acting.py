"""What an agent does with the replies of its model: the joint between the loop and each way to act.

In: a completion of the model. Out: a ``Turn``: the reply as the history keeps it, what it did, and what the model sees
next. A way to act (code in a sandbox, JSON tool calls) is one class with the methods of ``Actions``; sampling, the vote
and the loop are the same for all. Not here: any of the ways.
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
    """One reply, and what came of it."""

    message: Message
    """The whole assistant message, with its prefill."""
    observations: tuple[Message, ...] = ()
    """What the model sees next; nothing after a final answer."""
    problem: ParseProblem | None = None
    """Why nothing was done."""
    status: ExecutionStatus | None = None
    """None if nothing was done."""
    error_name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    is_final: bool = False
    answer: str | None = None
    """Of a final turn."""
    yielded: str = ""
    """What the reply yielded, as candidates of a vote record it."""
    agrees_by: Hashable | None = None
    """Equal for turns that agree in the vote; None for one that failed."""

    def ballot(self, completion: Completion) -> Ballot:
        """What the turn brings to the vote."""
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
    """One attempt's way to act. Its state is the attempt's own."""

    texts: ObservationTexts

    def prepared(self, request: Request) -> Request:
        """The request with what replies of this kind need, such as stop strings or tools."""
        ...

    def act(self, completion: Completion, prefill: str) -> Turn:
        """Read one reply and do what it says. ``prefill``: how the reply begins, which the completion leaves out."""
        ...

    def branch(self, completions: Sequence[Completion], prefill: str, *, keep_earlier: bool) -> list[Turn]:
        """Do what each of several replies says, from the same state, each by itself; nothing that has effects.

        ``keep_earlier``: candidates of the calls before stay candidates, and indices go on from them.
        """
        ...

    def announced(self, tools: Sequence[Tool]) -> str:
        """How the model is told of tools that appear in the course of a dialogue."""
        ...

    def commit(self, index: int) -> Turn:
        """Keep one of the candidates; what waited because it has effects is done now, once."""
        ...
