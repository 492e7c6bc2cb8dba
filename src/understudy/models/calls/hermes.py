"""JSON between ``<tool_call>`` and ``</tool_call>``: Hermes, Qwen2.5, Qwen3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from understudy.models.calls.blocks import Block, assemble, skip_space
from understudy.models.calls.form import ParsedCalls
from understudy.models.calls.json_calls import BrokenCallError, Call, calls_of, json_opening, read_json, written
from understudy.records import FunctionCall, ToolSchema

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class HermesForm:
    """Writes one block for each call. The closing tag may be missing at the end of the reply."""

    name = "hermes"
    vllm_parser = "hermes"
    separator = "\n"

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """Write each block on its own line."""
        return "\n".join(f"{OPEN}\n{written(call)}\n{CLOSE}" for call in calls)

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:  # noqa: ARG002
        """Report a problem if JSON outside the tags looks like a call."""
        return assemble(text, _blocks(text), f"the call is outside {OPEN} and {CLOSE}: write it between them")

    def opening(self, name: str = "") -> str:
        """The opening tag and the beginning of the JSON."""
        return f"{OPEN}\n{json_opening(name)}"


def _blocks(text: str) -> Iterator[Block]:
    place = 0
    while (start := text.find(OPEN, place)) >= 0:
        block = _block(text, start)
        yield block
        place = block.end


def _block(text: str, start: int) -> Block:
    calls: list[Call] = []
    place = skip_space(text, start + len(OPEN))
    try:
        while not calls or text[place : place + 1] in ("{", "["):
            value, place = read_json(text, place)
            calls.extend(calls_of(value))
            place = skip_space(text, place)
        if text.startswith(CLOSE, place):
            return Block(start, place + len(CLOSE), tuple(calls))
        if place < len(text) and not text.startswith(OPEN, place):
            raise BrokenCallError(f"expected {CLOSE} after the JSON, got {text[place : place + 20]!r}")
    except BrokenCallError as error:
        close = text.find(CLOSE, place)
        end = close + len(CLOSE) if close >= 0 else len(text)
        return Block(start, end, problem=f"the call after {OPEN} cannot be read: {error}")
    return Block(start, place, tuple(calls))
