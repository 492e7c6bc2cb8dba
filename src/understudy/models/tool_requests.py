"""Messages with tool calls, tools and the choice among them, as OpenAI's protocol has them.

In: records. Out: parts of a request's body. Arguments are JSON text here and nowhere else. Calls whose arguments a
server broke go back with empty ones: servers refuse what is no JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from understudy.models.calls.json_calls import dump
from understudy.models.model import Request
from understudy.records import FunctionCall, Message, ToolSchema


def sent_message(message: Message) -> JsonValue:
    """The content of a message that only calls is null."""
    said: dict[str, JsonValue] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        said["content"] = message.content or None
        said["tool_calls"] = [sent_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    return said


def sent_call(call: FunctionCall) -> JsonValue:
    """With the arguments as text."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": dump(call.arguments)}}


def sent_tools(tools: Sequence[ToolSchema]) -> list[JsonValue]:
    """The value of ``tools``."""
    return [{"type": "function", "function": tool.model_dump(mode="json")} for tool in tools]


def sent_choice(request: Request) -> dict[str, JsonValue]:
    """``tools`` and what is said about them; what equals the protocol's default is left out."""
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
