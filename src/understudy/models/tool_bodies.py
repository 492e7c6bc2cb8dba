"""Tools and calls in requests to our endpoint, and calls in its replies, as OpenAI has them.

In: ``tools``, ``tool_choice``, and the calls of earlier messages. Out: records, and calls in the form of a reply or of
the chunks of a stream. Tools other than functions are refused by name. ``strict`` is accepted but ignored: arguments
are not constrained to a schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from understudy.models.calls.json_calls import BrokenCallError, arguments_of, dump
from understudy.models.fields import without_nulls
from understudy.records import FunctionCall, ToolSchema


class _Function(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    parameters: dict[str, JsonValue] = {"type": "object", "properties": {}}
    strict: bool = False


class ToolBody(BaseModel):
    """One entry of ``tools``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["function"] = "function"
    function: Annotated[_Function, BeforeValidator(without_nulls)]
    cache_control: JsonValue = None
    """Of other providers; changes no reply."""

    def record(self) -> ToolSchema:
        """The tool as a record for models."""
        one = self.function
        return ToolSchema(name=one.name, description=one.description, parameters=one.parameters)


class _Called(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # the SDK sends its parsed_arguments back

    name: Annotated[str, Field(min_length=1)]
    arguments: JsonValue = ""


class CallBody(BaseModel):
    """A call of an earlier message. Keys that only some clients add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1)]
    type: Literal["function"] = "function"
    function: _Called

    def record(self) -> FunctionCall:
        """Arguments that are not a JSON object become ``broken_arguments``."""
        given = self.function.arguments
        try:
            return FunctionCall(id=self.id, name=self.function.name, arguments=arguments_of(given))
        except BrokenCallError:
            broken = given if isinstance(given, str) else dump(given)
            return FunctionCall(id=self.id, name=self.function.name, broken_arguments=broken)


def _choice(value: Any) -> Any:
    """Reduce a choice that names a tool to that name."""
    if not isinstance(value, dict):
        if value in ("auto", "none", "required"):
            return value
        raise ValueError(f"expected auto, none, required or a function by name, got {value!r}")
    function = value.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    if value.get("type") != "function" or not isinstance(name, str):
        raise ValueError(f"expected auto, none, required or a function by name, got the type {value.get('type')!r}")
    return f"{_NAMED}{name}"


_NAMED = "function:"
ToolChoice = Annotated[str, BeforeValidator(_choice)]


def checked_choice(choice: str, tools: Sequence[ToolSchema]) -> str:
    """The choice as a field of ``Request``. Raises ``ValueError`` if it does not fit the tools."""
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise ValueError(f"tools: expected different names, got {', '.join(names)}")
    if choice in ("auto", "none"):
        return choice
    if not tools:
        raise ValueError("tool_choice: expected tools to choose from, got none")
    if choice == "required":
        return choice
    name = choice.removeprefix(_NAMED)
    if name not in names:
        raise ValueError(f"tool_choice: expected one of the tools {', '.join(names)}, got {name!r}")
    return name


def said_call(call: FunctionCall) -> dict[str, JsonValue]:
    """A call in the form of a reply. Broken arguments from another server are passed on unchanged."""
    arguments = call.broken_arguments or dump(call.arguments)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def message_deltas(message: dict[str, Any]) -> Iterator[dict[str, JsonValue]]:
    """A reply's message as the deltas of a stream: the text, then for each call its id and name, then its arguments."""
    calls = message.get("tool_calls") or []
    yield {key: value for key, value in message.items() if key != "tool_calls"}
    for index, call in enumerate(calls):
        function = call["function"]
        head = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        yield {"tool_calls": [head]}
        yield {"tool_calls": [{"index": index, "function": {"arguments": function["arguments"]}}]}
