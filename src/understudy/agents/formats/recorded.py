"""Action formats as records name them, and the parts of a recorded reply.

In: ``Trajectory.action_format`` or ``Example.action_format``, or a config. Out: the format; the text that names it.
"""

from __future__ import annotations

import json

from understudy.agents.formats.action_format import (
    ACTION_FORMATS,
    CODE_FENCE,
    ActionFormat,
    ActionFormatConfig,
    PartName,
    ReplyPart,
    open_format,
)
from understudy.agents.formats.tool_calls import TOOL_CALLS, TextBesideCalls
from understudy.records import Message


def recorded_format(record: str) -> ActionFormat:
    """The format that a trajectory or an example names; an empty text names ``code_fence``.

    Raises ``TargetError`` or ``ValidationError`` if a user's format no longer exists.
    """
    if record == TOOL_CALLS:
        return TextBesideCalls()
    named = json.loads(record) if record.startswith("{") else record
    return open_format(ACTION_FORMATS.validate(named) if named else CODE_FENCE)


def reply_parts(message: Message, action_format: ActionFormat) -> tuple[ReplyPart, ...]:
    """The parts of a reply's content, in order. For an agent that calls tools, the content is a thought if the reply
    has calls, and the answer otherwise.
    """
    if message.tool_calls:
        return (ReplyPart(PartName.THOUGHT, 0, len(message.content)),)
    if isinstance(action_format, TextBesideCalls):
        return (ReplyPart(PartName.ANSWER, 0, len(message.content)),)
    return action_format.parts(message.content)


def to_record(config: ActionFormatConfig) -> str:
    """The format as records name it: the kind, with its options if it has any."""
    if config == CODE_FENCE:
        return ""
    whole = {"kind": config.kind, **config.model_dump(mode="json")}
    return json.dumps(whole, ensure_ascii=False) if len(whole) > 1 else config.kind
