"""What a call form is: how the template of a model family writes tool calls as text.

In: calls to write, replies to read. Out: text, or calls with the rest of the reply. Not here: what a template does with
schemas and results (``understudy.models.template``), and whether a called tool exists (the agent says that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.records import FunctionCall, ToolSchema


class UnwritableCallError(ValueError):
    """A call that this form cannot write so that it is read back; the message says why."""


@dataclass(frozen=True, slots=True)
class ParsedCalls:
    """A reply, read."""

    text: str
    """The reply without its calls; the whole reply where there are none, or where one could not be read."""
    calls: tuple[FunctionCall, ...] = ()
    """In order, with the ids ``call_0``, ``call_1``, …"""
    problem: str = ""
    """Why a call could not be read, for the model to read. ``calls`` is empty then."""


class CallForm(Protocol):
    """How one family writes calls. ``parse(render(calls)).calls == calls`` but for the ids, which texts do not hold."""

    name: str
    vllm_parser: str
    """The value of vLLM's ``--tool-call-parser`` that reads this form; empty if there is none."""
    separator: str
    """Stands between the content of a message and its calls, where the template does not say otherwise."""

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """The calls as text. Raises ``UnwritableCallError`` for a call that would be read back as another."""
        ...

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:
        """Read a reply; never raises. ``tools`` give the types of arguments where the form does not write them."""
        ...

    def opening(self, name: str = "") -> str:
        """How a call begins, up to what the model chooses: its name or, of the tool ``name``, its arguments."""
        ...
