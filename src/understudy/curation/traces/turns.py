"""Builds a conversation: replies with their calls, and the results that belong to them.

In: texts, calls and results in their order. Out: our messages. Call ids become unique within the conversation, since
some servers number them from zero in each reply. Raises ``TraceError`` for calls and results that do not belong
together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from understudy.curation.traces.conversation import ReplyFacts
from understudy.curation.traces.refusals import broken_calls
from understudy.records import FunctionCall, Message, Role


@dataclass(slots=True)
class Turns:
    """Messages in the order of their arrival."""

    messages: list[Message] = field(default_factory=list)
    replies: dict[int, ReplyFacts] = field(default_factory=dict)
    """Replies that were added with facts."""
    errors: dict[int, str] = field(default_factory=dict)
    """By index of a result: why its call failed."""
    _open: list[tuple[str, FunctionCall]] = field(default_factory=list)
    """Calls without a result, with their ids in the log."""
    _ids: set[str] = field(default_factory=set)

    def say(self, role: Role, text: str, place: str) -> int:
        """Add a message with the role system or user; return its index."""
        self._refuse_open_calls(place)
        self.messages.append(Message(role=role, content=text))
        return len(self.messages) - 1

    def reply(
        self,
        text: str,
        place: str,
        *,
        reasoning: str = "",
        calls: Sequence[FunctionCall] = (),
        facts: ReplyFacts | None = None,
    ) -> int:
        """Add a reply of the model; return its index."""
        self._refuse_open_calls(place)
        unique = tuple(self._with_own_id(call) for call in calls)
        self._open = [(call.id, own) for call, own in zip(calls, unique, strict=True)]
        self.messages.append(Message(role=Role.ASSISTANT, content=text, reasoning=reasoning, tool_calls=unique))
        if facts is not None:
            self.replies[len(self.messages) - 1] = facts
        return len(self.messages) - 1

    def result(self, call_id: str, text: str, place: str, *, name: str = "", error: str = "") -> int:
        """Add the result of a call; return its index. A result without an id belongs to the first open call of that
        name, or of any name.
        """
        matching = [
            entry for entry in self._open if (entry[0] == call_id if call_id else not name or entry[1].name == name)
        ]
        if not matching:
            waiting = ", ".join(call_id for call_id, _ in self._open) or "none"
            came = repr(call_id) if call_id else repr(name) if name else "a call without an id"
            raise broken_calls(f"{place}: a result of {came}, while the calls without a result are: {waiting}")
        self._open.remove(matching[0])
        self.messages.append(Message(role=Role.TOOL, content=text, tool_call_id=matching[0][1].id))
        if error:
            self.errors[len(self.messages) - 1] = error
        return len(self.messages) - 1

    @property
    def open_calls(self) -> tuple[FunctionCall, ...]:
        """Calls that have no result yet."""
        return tuple(call for _, call in self._open)

    def _refuse_open_calls(self, place: str) -> None:
        if self._open:
            names = ", ".join(f"{call.name} ({call_id})" for call_id, call in self._open)
            raise broken_calls(f"{place}: expected the results of {names} before it")

    def _with_own_id(self, call: FunctionCall) -> FunctionCall:
        number, base = 1, call.id or f"call_{len(self._ids) + 1}"
        own = base
        while own in self._ids:
            number += 1
            own = f"{base}_{number}"
        self._ids.add(own)
        return call if own == call.id else call.model_copy(update={"id": own})
