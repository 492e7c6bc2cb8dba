"""Defines a call form: how the template of a model family writes tool calls as text.

In: calls to write, replies to read. Out: text, or calls and the rest of the reply. Not here: how a template uses
schemas and results (``understudy.models.template``), and whether a called tool exists (the agent checks that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from understudy.records import FunctionCall, ToolSchema


class UnwritableCallError(ValueError):
    """This form cannot write the call in a way that it can read back. The message says why."""


@dataclass(frozen=True, slots=True)
class ParsedCalls:
    """A parsed reply."""

    text: str
    """The reply without its calls. It is the whole reply if there are no calls or if one could not be read."""
    calls: tuple[FunctionCall, ...] = ()
    """In order, with the ids ``call_0``, ``call_1``, …"""
    problem: str = ""
    """A message to the model that says why a call could not be read. ``calls`` is then empty."""


class CallForm(Protocol):
    """How one family writes calls.

    ``parse(render(calls)).calls == calls``, except for the ids: text does not contain them.
    """

    name: str
    vllm_parser: str
    """The value of vLLM's ``--tool-call-parser`` that reads this form; empty if there is none."""
    separator: str
    """Text between the content of a message and its calls, unless the template defines another."""

    def render(self, calls: Sequence[FunctionCall]) -> str:
        """The calls as text. Raises ``UnwritableCallError`` for a call that would be read back as another."""
        ...

    def parse(self, text: str, tools: Sequence[ToolSchema] = ()) -> ParsedCalls:
        """Parse a reply; never raises. ``tools`` supply the types of arguments if the form does not write types."""
        ...

    def opening(self, name: str = "") -> str:
        """The fixed beginning of a call, up to the tool name or, if ``name`` is given, up to the arguments."""
        ...
