"""Messages with tool calls, tools and tool choice, in the form of OpenAI's protocol.

In: records. Out: parts of a request's body. Only this module writes arguments as JSON text. Calls with broken arguments
are sent back with empty arguments, because servers refuse invalid JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from understudy.models.calls.json_calls import dump
from understudy.models.model import Request
from understudy.records import FunctionCall, Message, ToolSchema


def sent_message(message: Message) -> JsonValue:
    """A message as the protocol has it. Its content is null if it only contains calls."""
    said: dict[str, JsonValue] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        said["content"] = message.content or None
        said["tool_calls"] = [sent_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    return said


def sent_call(call: FunctionCall) -> JsonValue:
    """A call with its arguments as JSON text."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": dump(call.arguments)}}


def sent_tools(tools: Sequence[ToolSchema]) -> list[JsonValue]:
    """The value of ``tools``."""
    return [{"type": "function", "function": tool.model_dump(mode="json")} for tool in tools]


def sent_choice(request: Request) -> dict[str, JsonValue]:
    """``tools`` and the options for them. Values that equal the protocol's defaults are omitted."""
    if not request.tools:
        return {}
    body: dict[str, JsonValue] = {"tools": sent_tools(request.tools)}
    if request.tool_choice in ("none", "required"):
        body["tool_choice"] = request.tool_choice
    elif request.tool_choice != "auto":
        body["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice}}
    if not request.parallel_tool_calls:
        body["parallel_tool_calls"] = False
    return body
