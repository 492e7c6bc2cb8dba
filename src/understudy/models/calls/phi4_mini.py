"""``functools[…]``: Phi-4-mini. The system message contains the schemas, between ``<|tool|>`` and ``<|/tool|>``.

The model also writes ``<|tool_call|>[…]<|/tool_call|>``. We read both; vLLM's parser reads only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from understudy.models.calls.blocks import Block, assemble, skip_space
from understudy.models.calls.form import ParsedCalls
from understudy.models.calls.json_calls import BrokenCallError, calls_of, json_opening, read_json, written
from understudy.records import FunctionCall, ToolSchema

_MARK = "functools"
_OPEN = re.compile(r"functools\s*(?=\[)|<\|tool_call\|>\s*|\A\s*(?=\[\s*\{\s*\"name\")")
_CLOSE = "<|/tool_call|>"


class Phi4MiniForm:
    """Writes the word ``functools`` and then one JSON list of all calls."""

    name = "phi4_mini"
    vllm_parser = "phi4_mini_json"
    separator = "\n"

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """Write all calls as one list."""
        return f"{_MARK}[{', '.join(written(call) for call in calls)}]"

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:  # noqa: ARG002
        """Report a problem if JSON without a marker looks like a call."""
        return assemble(text, _blocks(text), f"the call is not marked: write {_MARK}[…] with a list of calls")

    def opening(self, name: str = "") -> str:
        """The marker and the beginning of the first call."""
        return f"{_MARK}[{json_opening(name)}"


def _blocks(text: str) -> Iterator[Block]:
    place = 0
    while (found := _OPEN.search(text, place)) is not None:
        block = _block(text, found.start(), found.end())
        yield block
        place = block.end


def _block(text: str, start: int, place: int) -> Block:
    try:
        value, end = read_json(text, place)
        calls = tuple(calls_of(value))
    except BrokenCallError as error:
        return Block(start, len(text), problem=f"the calls cannot be read: {error}")
    close = skip_space(text, end)
    return Block(start, close + len(_CLOSE) if text.startswith(_CLOSE, close) else end, calls)
