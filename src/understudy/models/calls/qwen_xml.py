"""``<function=…>`` with ``<parameter=…>``: Qwen3-Coder, Qwen3.5.

Values are written without quotes, so the tool's schema determines their types. Without a schema, text that parses as
JSON, or is Python's ``True``, ``False`` or ``None``, becomes that value. Everything else stays a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from understudy.models.calls.blocks import Block, assemble, skip_space
from understudy.models.calls.form import ParsedCalls, UnwritableCallError
from understudy.models.calls.json_calls import BrokenCallError, dump
from understudy.models.calls.typed_values import typed_value
from understudy.records import FunctionCall, ToolSchema

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION = re.compile(r"(?:<tool_call>\s*)?<function=(?P<name>[^>\n]+)>")
_START = re.compile(r"<tool_call>|<function=")
_PARAMETER = re.compile(r"<parameter=(?P<name>[^>\n]+)>")
_END_PARAMETER, _END_FUNCTION = "</parameter>", "</function>"


class QwenXmlForm:
    """Writes one block for each call and one element for each argument."""

    name = "qwen_xml"
    vllm_parser = "qwen3_coder"
    separator = "\n\n"

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """Raises ``UnwritableCallError`` if a line of a value begins with the closing tag of a parameter."""
        return "\n".join(_rendered(call) for call in calls)

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:
        """Also read calls without ``<tool_call>`` around them."""
        schemas = {tool.name: tool.parameters for tool in tools}
        note = f"the call is written as JSON: write {_OPEN}, <function=…> and a <parameter=…> for each argument"
        return assemble(text, _blocks(text, schemas), note)

    def opening(self, name: str = "") -> str:
        """The beginning of a block."""
        return f"{_OPEN}\n<function={name}>\n" if name else f"{_OPEN}\n<function="


def _rendered(call: FunctionCall) -> str:
    for name in (call.name, *call.arguments):
        if not name or ">" in name or "\n" in name or name != name.strip():
            raise UnwritableCallError(f"{name!r} cannot be the name of a tool or an argument here")
    values = {name: _value_text(value) for name, value in call.arguments.items()}
    for name, value in values.items():
        if f"\n{_END_PARAMETER}" in f"\n{value}":
            raise UnwritableCallError(
                f"the argument {name} of {call.name} has a line that begins with {_END_PARAMETER}"
            )
    body = "".join(f"<parameter={name}>\n{value}\n{_END_PARAMETER}\n" for name, value in values.items())
    return f"{_OPEN}\n<function={call.name}>\n{body}{_END_FUNCTION}\n{_CLOSE}"


def _value_text(value: JsonValue) -> str:
    return dump(value) if isinstance(value, dict | list) else str(value)


def _blocks(text: str, schemas: Mapping[str, Mapping[str, JsonValue]]) -> Iterator[Block]:
    place = 0
    while (found := _START.search(text, place)) is not None:
        block = _block(text, found.start(), schemas)
        yield block
        place = block.end


def _block(text: str, start: int, schemas: Mapping[str, Mapping[str, JsonValue]]) -> Block:
    try:
        head = _FUNCTION.match(text, start)
        if head is None:
            raise BrokenCallError(f"expected <function=…> after {_OPEN}, got {text[start + len(_OPEN) :][:20]!r}")
        name = head["name"].strip()
        values, place = _parameters(text, head.end())
    except BrokenCallError as error:
        close = text.find(_CLOSE, start)
        end = close + len(_CLOSE) if close >= 0 else len(text)
        return Block(start, end, problem=f"the call cannot be read: {error}")
    schema = schemas.get(name)
    typed = {key: typed_value(value, schema, key) for key, value in values.items()}
    close = skip_space(text, place)
    return Block(start, close + len(_CLOSE) if text.startswith(_CLOSE, close) else place, ((name, typed),))


def _parameters(text: str, place: int) -> tuple[dict[str, str], int]:
    """Arguments as text, and the end of the call: after ``</function>``, or before ``</tool_call>`` without it."""
    values: dict[str, str] = {}
    while True:
        place = skip_space(text, place)
        if text.startswith(_END_FUNCTION, place):
            return values, place + len(_END_FUNCTION)
        if text.startswith(_CLOSE, place):
            return values, place
        head = _PARAMETER.match(text, place)
        if head is None:
            got = repr(text[place : place + 20]) if place < len(text) else "the end"
            raise BrokenCallError(f"expected <parameter=…> or {_END_FUNCTION}, got {got}")
        name = head["name"].strip()
        if name in values:
            raise BrokenCallError(f"the argument {name} is given twice")
        values[name], place = _value(text, head.end(), name)


def _value(text: str, start: int, name: str) -> tuple[str, int]:
    """The value and its end: the first line that begins with the closing tag if it has its own lines, else that tag."""
    end = text.find(f"\n{_END_PARAMETER}" if text.startswith("\n", start) else _END_PARAMETER, start)
    if end < 0:
        raise BrokenCallError(f"expected {_END_PARAMETER} after the argument {name}")
    return text[start:end].removeprefix("\n"), text.index(_END_PARAMETER, end) + len(_END_PARAMETER)
