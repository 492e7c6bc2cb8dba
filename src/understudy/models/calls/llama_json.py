"""Plain JSON objects with ``parameters``: Llama 3.1 and 3.2.

The form has no markers. So an object is a call if it states a name and then arguments, anywhere in the reply. It is
also a call if it has a name and is the whole reply. Other JSON is part of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from understudy.models.calls.blocks import Block, assemble, skip_space
from understudy.models.calls.form import ParsedCalls
from understudy.models.calls.json_calls import (
    CALL_START,
    BrokenCallError,
    Call,
    calls_of,
    is_call,
    json_opening,
    read_json,
    written,
)
from understudy.records import FunctionCall, ToolSchema

_TAG = "<|python_tag|>"
_MARK = rf"{re.escape(_TAG)}\s*|```(?:json)?\s*"
_BEFORE = re.compile(rf"(?:{_MARK})+\Z")
_BETWEEN = re.compile(rf"(?:{_MARK}|;\s*)+\Z")
"""Before any but the first call; a semicolon before the first one is text."""
_LIST = re.compile(r"\[\s*\Z")
_AFTER = re.compile(r"\s*(?:```)?(?:\s*;)?")


class LlamaJsonForm:
    """Separates several objects with ``; ``, as vLLM's parser expects. The templates accept only one call."""

    name = "llama_json"
    vllm_parser = "llama3_json"
    separator = "\n"

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """Write the objects without markers."""
        return "; ".join(written(call, "parameters") for call in calls)

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:  # noqa: ARG002
        """Ignore ``<|python_tag|>`` before a call and a code fence around it."""
        return assemble(text, _blocks(text))

    def opening(self, name: str = "") -> str:
        """The beginning of an object."""
        return json_opening(name, "parameters")


def _blocks(text: str) -> Iterator[Block]:
    whole = _whole_reply(text)
    if whole is not None:
        yield whole
        return
    place = 0
    while (found := CALL_START.search(text, place)) is not None:
        block = _block(text, place, found.start())
        yield block
        place = block.end
    builtin = text.find(_TAG, place)
    if builtin >= 0 and not place:
        problem = f"{_TAG} runs built-in tools, which are not offered: call a tool by JSON with name and parameters"
        yield Block(builtin, len(text), problem=problem)


def _whole_reply(text: str) -> Block | None:
    start = skip_space(text, len(_TAG) if text.startswith(_TAG) else 0)
    if text[start : start + 1] != "{":
        return None
    try:
        value, end = read_json(text, start)
        return Block(0, len(text), tuple(calls_of(value))) if is_call(value) and not text[end:].strip() else None
    except BrokenCallError:
        return None


def _block(text: str, floor: int, start: int) -> Block:
    listed = _LIST.search(text, floor, start)
    start = listed.start() if listed else start
    before = (_BETWEEN if floor else _BEFORE).search(text, floor, start)
    begin = before.start() if before else start
    try:
        value, end = read_json(text, start)
        calls: tuple[Call, ...] = tuple(calls_of(value))
    except BrokenCallError as error:
        return Block(begin, len(text), problem=f"the call cannot be read: {error}")
    after = _AFTER.match(text, end)
    return Block(begin, after.end() if before and after else end, calls)
