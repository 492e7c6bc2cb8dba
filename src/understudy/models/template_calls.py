"""How a chat template receives tools, and which call form it writes.

In: a template that can be rendered. Out: its ``CallConvention``, and conversations as the rows that it expects.

A template that shows schemas and writes calls in a known form is used unchanged (Qwen, Llama). A template that shows
the ``tools`` of a system message is that of Phi-4-mini. For all others, the system message describes the tools, calls
are part of the content, and results are user messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from understudy.models.calls.form import CallForm
from understudy.models.calls.forms import PHI4_MINI, PLAIN, WRITTEN_BY_TEMPLATES
from understudy.models.calls.json_calls import dump
from understudy.records import FunctionCall, Message, Role, ToolSchema

Rows = list[dict[str, Any]]
Try = Callable[[Sequence[dict[str, Any]], list[Any] | None], str | None]
"""Renders rows with schemas, or returns None if the template cannot."""

_SYSTEM_WITH_TOOLS = "You are a helpful assistant with some tools."
"""The default system message of Phi-4-mini's model card. Its template shows schemas only with a system message."""


class SchemaPlace(StrEnum):
    """Where the schemas of tools are put."""

    TEMPLATE = "template"
    """The template's own ``tools``; it also writes calls and results."""
    SYSTEM_KEY = "system_key"
    """The key ``tools`` of the system message, as JSON text; calls are content, results have the role tool."""
    STATED = "stated"
    """The text of the system message; calls are content, results are user messages."""


@dataclass(frozen=True, slots=True)
class CallConvention:
    """How one template receives tools and writes calls."""

    form: CallForm
    place: SchemaPlace
    separator: str
    """The text between the content of a message and its calls."""
    arguments_as_text: bool = False
    """The template expects arguments as JSON text; it would refuse a mapping or write it differently."""
    takes_parallel: bool = True
    """The template accepts several calls in one message."""
    own_form_is_unknown: bool = False
    """The template shows schemas, but writes calls in a form that ``calls/`` does not have."""


def find_convention(render: Try) -> CallConvention:
    """The convention of a template, found by rendering it."""
    user = {"role": "user", "content": "u"}
    knows_tools = _is_shown(render([user], [_schema_row(_PROBE_TOOL)]))
    if knows_tools:
        for as_text in (False, True):
            for form in WRITTEN_BY_TEMPLATES:
                one = _with_calls(render, form, as_text, 1)
                if one is not None:
                    parallel = _with_calls(render, form, as_text, 2) is not None
                    return CallConvention(form, SchemaPlace.TEMPLATE, one, as_text, parallel)
    if _is_shown(render([{"role": "system", "content": "s", "tools": _PROBE_TOOL.name}, user], None)):
        return CallConvention(PHI4_MINI, SchemaPlace.SYSTEM_KEY, PHI4_MINI.separator)
    return CallConvention(PLAIN, SchemaPlace.STATED, PLAIN.separator, own_form_is_unknown=knows_tools)


def as_rows(
    messages: Sequence[Message], tools: Sequence[ToolSchema], convention: CallConvention
) -> tuple[Rows, list[Any] | None]:
    """Messages and schemas as the template expects them."""
    if convention.place is SchemaPlace.TEMPLATE:
        rows = [_template_row(message, convention) for message in messages]
        return rows, [_schema_row(tool) for tool in tools] or None
    written = [_written(message, convention) for message in messages]
    if convention.place is SchemaPlace.SYSTEM_KEY:
        return _with_system_key(written, tools), None
    return _with_stated_tools(written, tools), None


def reply_text(message: Message, convention: CallConvention) -> str:
    """The reply with which a model produces this message: content, then calls. Raises ``UnwritableCallError``."""
    if not message.tool_calls:
        return message.content
    return content_before_calls(message, convention) + convention.form.render(message.tool_calls)


def content_before_calls(message: Message, convention: CallConvention) -> str:
    """The content, and the text between it and the calls."""
    return message.content + convention.separator if message.content else ""


def _template_row(message: Message, convention: CallConvention) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role.value, "content": message.content}
    if message.tool_calls:
        row["tool_calls"] = [_call_row(call, convention.arguments_as_text) for call in message.tool_calls]
    if message.tool_call_id:
        row["tool_call_id"] = message.tool_call_id
    return row


def _call_row(call: FunctionCall, as_text: bool) -> dict[str, Any]:
    arguments = dump(call.arguments) if as_text else call.arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _schema_row(tool: ToolSchema) -> dict[str, Any]:
    return {"type": "function", "function": tool.model_dump(mode="json")}


def _written(message: Message, convention: CallConvention) -> dict[str, Any]:
    return {"role": message.role.value, "content": reply_text(message, convention)}


def _with_system_key(rows: Rows, tools: Sequence[ToolSchema]) -> Rows:
    if not tools:
        return rows
    if not rows or rows[0]["role"] != "system":
        rows = [{"role": "system", "content": _SYSTEM_WITH_TOOLS}, *rows]
    schemas = dump([tool.model_dump(mode="json") for tool in tools])
    return [{**rows[0], "tools": schemas}, *rows[1:]]


def _with_stated_tools(rows: Rows, tools: Sequence[ToolSchema]) -> Rows:
    if tools:
        has_system = bool(rows) and rows[0]["role"] == "system"
        before = f"{rows[0]['content']}\n\n" if has_system and rows[0]["content"] else ""
        rows = [{"role": "system", "content": before + PLAIN.declare(tools)}, *rows[has_system:]]
    joined: Rows = []
    results: list[str] = []
    for row in [*rows, {"role": "", "content": ""}]:
        if row["role"] == Role.TOOL:
            results.append(row["content"])
            continue
        if results:
            joined.append({"role": "user", "content": PLAIN.results(results)})
            results = []
        joined.append(row)
    return joined[:-1]


_PROBE_TOOL = ToolSchema(name="probe_tool", description="d", parameters={"type": "object", "properties": {}})
_PROBE_CALLS = tuple(
    FunctionCall(id=f"call{number:05}", name="probe_tool", arguments={"text": f"é {number}", "list": [1, {"a": "b"}]})
    for number in range(2)
)


def _is_shown(text: str | None) -> bool:
    return text is not None and _PROBE_TOOL.name in text


def _with_calls(render: Try, form: CallForm, as_text: bool, n_calls: int) -> str | None:
    """The text that the template writes between content and calls; None if it does not write calls in this form."""
    calls = _PROBE_CALLS[:n_calls]
    message = {"role": "assistant", "tool_calls": [_call_row(call, as_text) for call in calls]}
    bare, full = (
        render([{"role": "user", "content": "u"}, {**message, "content": content}], [_schema_row(_PROBE_TOOL)])
        for content in ("", "probe_content")
    )
    written = form.render(calls)
    if bare is None or full is None or written not in bare or written not in full:
        return None
    before = full[: full.index(written)]
    _, content, between = before.rpartition("probe_content")
    return between if content else form.separator
