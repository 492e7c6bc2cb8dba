"""Messages as clients of our endpoint write them.

In: OpenAI's JSON of a message: content as text or text parts, calls and results, the role ``developer``, empty fields
that the SDK adds when it sends a reply back. Out: ``Message`` records. Content that is not text is refused by name.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, model_validator

from understudy.models.tool_bodies import CallBody
from understudy.records import Message, Role

_EMPTY = frozenset({"name", "refusal", "tool_calls", "function_call", "audio", "annotations", "tool_call_id"})
"""Accepted if they are empty."""
_KEPT_FROM_MODELS = frozenset(
    {"reasoning", "reasoning_content", "reasoning_details", "parsed", "provider_specific_fields", "cache_control"}
)
"""Reasoning of earlier turns, which no chat template gets; the SDK's own parsing of the content; what other clients and
providers add.
"""


def _role(value: JsonValue) -> JsonValue:
    if value == "function":
        raise ValueError("the role function is no longer read; expected the role tool with a tool_call_id")
    return "system" if value == "developer" else value


def _text(value: JsonValue) -> JsonValue:
    """Parts are joined by line breaks, as vLLM joins them."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return value
    return "\n".join(_text_of_part(part) for part in value)


def _text_of_part(part: JsonValue) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    if not isinstance(text, str):
        kind = part.get("type") if isinstance(part, dict) else type(part).__name__
        raise ValueError(f"expected parts of type 'text', got {kind!r}: only text is supported here")
    return text


class ChatMessage(BaseModel):
    """One message of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Annotated[Role, BeforeValidator(_role)]
    content: Annotated[str, BeforeValidator(_text)] = ""
    tool_calls: tuple[CallBody, ...] = ()
    tool_call_id: str = ""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        dropped = {key for key in value if key in _KEPT_FROM_MODELS or (key in _EMPTY and not value[key])}
        if value.get("role") == "tool":
            dropped.add("name")  # of the tool, which the call says too
        return {key: inner for key, inner in value.items() if key not in dropped}

    def record(self) -> Message:
        """The message as a record."""
        calls = tuple(call.record() for call in self.tool_calls)
        return Message(role=self.role, content=self.content, tool_calls=calls, tool_call_id=self.tool_call_id)
