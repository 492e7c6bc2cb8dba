"""What clients see of a turn while it runs: an event for each reply of the model and for each finished step.

In: messages and steps. Out: records, whose JSON is part of the protocol (docs/serving.md), and the same as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

from understudy.agents.formats import TOOL_CALLS
from understudy.records import FunctionCall, Message, Record, Step


class Replied(Record):
    """The model has replied, and its action begins. Without a vote, each step begins with this event."""

    type: Literal["reply"] = "reply"
    number: int
    """Of the step within its turn, counted from 0."""
    message: Message


class Stepped(Record):
    """A step has ended."""

    type: Literal["step"] = "step"
    number: int
    facts: Step
    """As in a trajectory."""
    message: Message
    """The reply, as the model will see it."""
    observations: tuple[Message, ...] = ()
    """What the model sees next; empty after an answer."""


Event = Replied | Stepped
Listener = Callable[[Event], None]


def text_of(event: Event, after: Event | None, action_format: str) -> str:
    """The event as text. ``after``: the event before it, which may have shown the reply already. Empty if the event
    shows nothing but the answer of a turn.
    """
    if isinstance(event, Replied):
        return _reply(event.message, action_format)
    is_shown = isinstance(after, Replied) and after.number == event.number
    reply = "" if is_shown else _reply(event.message, action_format)
    return reply + "".join(f"{one.content.strip()}\n\n" for one in event.observations)


def _reply(message: Message, action_format: str) -> str:
    if action_format == TOOL_CALLS and not message.tool_calls:
        return f"{message.reasoning.strip()}\n\n" if message.reasoning else ""
    parts = [message.reasoning.strip(), message.content.strip(), *map(call_text, message.tool_calls)]
    return "".join(f"{part}\n\n" for part in parts if part)


def call_text(call: FunctionCall) -> str:
    """A tool call as one line."""
    given = call.broken_arguments or ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in call.arguments.items()
    )
    return f"{call.name}({given})"
