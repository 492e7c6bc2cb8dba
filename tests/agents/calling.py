"""Models and tools for the tests of the agent that calls tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from understudy.models import Request
from understudy.models.tool_replies import with_unique_ids
from understudy.records import Completion, FinishReason, FunctionCall, PrefixDelivery, Role, Usage
from understudy.tools import Tool, tool


def calls(*made: tuple[str, Mapping[str, object]], text: str = "", problem: str = "") -> Completion:
    """A reply that calls tools."""
    return Completion(
        text=text,
        finish_reason=FinishReason.STOP,
        tool_calls=tuple(
            FunctionCall.model_validate({"id": f"c{number}", "name": name, "arguments": arguments})
            for number, (name, arguments) in enumerate(made)
        ),
        call_problem=problem,
        usage=Usage(prompt_tokens=10, completion_tokens=5, requests=1),
    )


def says(text: str, finish: FinishReason = FinishReason.STOP) -> Completion:
    """A reply without calls."""
    return Completion(text=text, finish_reason=finish, usage=Usage(prompt_tokens=10, completion_tokens=5, requests=1))


@dataclass
class Replies:
    """Says the n-th of a step's replies as the n-th candidate of that step."""

    steps: Sequence[Sequence[Completion]]
    prefix_delivery: PrefixDelivery = PrefixDelivery.CONTINUED
    requests: list[Request] = field(default_factory=list)
    name: str = "replies"
    is_program: bool = False
    _asked: dict[int, int] = field(default_factory=dict)

    def complete(self, request: Request) -> tuple[Completion, ...]:
        self.requests.append(request)
        step = sum(message.role is Role.ASSISTANT for message in request.messages) - request.continue_final
        start = self._asked.get(step, 0)
        self._asked[step] = start + request.n
        said = (self.steps[step][number] for number in range(start, start + request.n))
        return tuple(
            each.model_copy(update={"tool_calls": with_unique_ids(each.tool_calls, request.messages)}) for each in said
        )

    def close(self) -> None: ...


@dataclass
class World:
    """Tools that count how often they are called."""

    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def tools(self) -> tuple[Tool, ...]:
        def look_up(name: str) -> str:
            """Look a name up.

            Args:
                name: What to look up.
            """
            self.asked.append(name)
            if name == "nobody":
                raise ValueError("no page")
            return f"{name} is 42."

        def send(to: str, text: str = "hello") -> int:
            """Send a message and get its number."""
            self.sent.append(f"{to}: {text}")
            return len(self.sent)

        return (tool(look_up, pure=True, is_search=True), tool(send))
