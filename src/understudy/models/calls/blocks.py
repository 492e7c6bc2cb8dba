"""Assembles a parsed reply (text, calls, problem) from the blocks that a form finds in it.

A call inside closed reasoning is a draft and stays text. If one call cannot be read, the whole reply stays text: the
parser does not guess what the model meant, and nothing that it wrote is lost. Text after a call is appended to the text
before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from understudy.models.calls.form import ParsedCalls
from understudy.models.calls.json_calls import CALL_START, Call
from understudy.models.reasoning import reasoning_spans
from understudy.records import FunctionCall


@dataclass(frozen=True, slots=True)
class Block:
    """Characters ``[start, end)`` of a reply that contain calls or attempts at calls."""

    start: int
    end: int
    calls: tuple[Call, ...] = ()
    problem: str = ""


def assemble(text: str, blocks: Iterable[Block], unmarked: str = "") -> ParsedCalls:
    """``blocks``: in order. ``unmarked``: the problem of a reply that has no blocks but contains a call as JSON."""
    found = list(blocks)
    drafts = list(reasoning_spans(_without_read(text, found)))
    found = [block for block in found if not _lies_in(block.start, drafts)]
    if not found:
        loose = unmarked and any(not _lies_in(start.start(), drafts) for start in CALL_START.finditer(text))
        return ParsedCalls(text, (), unmarked if loose else "")
    problem = next((block.problem for block in found if block.problem), "")
    if problem:
        return ParsedCalls(text, (), problem)
    calls = [call for block in found for call in block.calls]
    return ParsedCalls(
        _outside(text, found),
        tuple(
            FunctionCall(id=f"call_{number}", name=name, arguments=given) for number, (name, given) in enumerate(calls)
        ),
    )


def skip_space(text: str, place: int) -> int:
    """The position of the next character that is not white space."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _outside(text: str, blocks: Sequence[Block]) -> str:
    edges = [0, *(edge for block in blocks for edge in (block.start, block.end)), len(text)]
    first, *rest = (text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    parts = [first.rstrip() if first.strip() else "", *(part.strip() for part in rest)]
    return "\n".join(part for part in parts if part)


def _without_read(text: str, blocks: Sequence[Block]) -> str:
    """Ignores reasoning tags inside the strings of a call: they do not mark reasoning."""
    for block in blocks:
        if not block.problem:
            text = text[: block.start] + "·" * (block.end - block.start) + text[block.end :]
    return text


def _lies_in(place: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)
