"""Action formats: how a reply states its thought and its action.

``open_format(config)`` gives an ``ActionFormat``, which acting, curation, masks, the eval callback and the report use
alike: what to stop at, how to parse, render and prefill, and which parts of a reply are thought, action and answer.
"""

from understudy.agents.formats.action_format import (
    ACTION_FORMATS,
    CODE_FENCE,
    THOUGHT_LABEL,
    ActionFormat,
    ActionFormatConfig,
    CodeFenceConfig,
    ParsedReply,
    PartName,
    ReplyPart,
    open_format,
)
from understudy.agents.formats.recorded import recorded_format, reply_parts, to_record
from understudy.agents.formats.tool_calls import TOOL_CALLS

__all__ = [
    "ACTION_FORMATS",
    "CODE_FENCE",
    "THOUGHT_LABEL",
    "TOOL_CALLS",
    "ActionFormat",
    "ActionFormatConfig",
    "CodeFenceConfig",
    "ParsedReply",
    "PartName",
    "ReplyPart",
    "open_format",
    "recorded_format",
    "reply_parts",
    "to_record",
]
