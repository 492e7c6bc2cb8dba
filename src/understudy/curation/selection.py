"""Which of several good attempts at one task are kept: one small function for each way, and the table of them.

In: the examples of one task in order of attempt. Out: those that are kept. Not here: what makes an attempt good.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from understudy.records import Example, Message, Role, ToolSchema


class Selection(StrEnum):
    """Which of several good attempts at one task are kept. Ties go to the earlier one."""

    FIRST = "first"
    SHORTEST = "shortest"
    """Fewest characters written by the model."""
    ALL = "all"
    LOWEST_NLL = "lowest_nll"
    """The one whose trained tokens the student finds least surprising on average (SmartAD)."""


class Student(Protocol):
    """What a curation needs of the student that is to be trained."""

    def n_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> int:
        """Tokens of the rendered conversation."""
        ...

    def mean_nll(self, example: Example) -> float:
        """Mean negative log-probability, in nats, of the example's trained tokens."""
        ...


def select(examples: Sequence[Example], how: Selection, student: Student | None) -> list[Example]:
    """Return the kept examples of one task. ``examples`` are in the order of attempts."""
    return list(examples) if len(examples) <= 1 else SELECTIONS[how](examples, student)


def _first(examples: Sequence[Example], _student: Student | None) -> list[Example]:
    return [examples[0]]


def _shortest(examples: Sequence[Example], _student: Student | None) -> list[Example]:
    return [min(examples, key=_written_chars)]


def _all(examples: Sequence[Example], _student: Student | None) -> list[Example]:
    return list(examples)


def _lowest_nll(examples: Sequence[Example], student: Student | None) -> list[Example]:
    if student is None:
        raise ValueError(f"select: '{Selection.LOWEST_NLL}' needs a student, got none")
    return [min(examples, key=student.mean_nll)]


def _written_chars(example: Example) -> int:
    return sum(map(_chars_said, example.messages))


def _chars_said(message: Message) -> int:
    if message.role is not Role.ASSISTANT:
        return 0
    return len(message.content) + sum(len(call.name) + len(json.dumps(call.arguments)) for call in message.tool_calls)


SELECTIONS: Mapping[Selection, Callable[[Sequence[Example], Student | None], list[Example]]] = {
    Selection.FIRST: _first,
    Selection.SHORTEST: _shortest,
    Selection.ALL: _all,
    Selection.LOWEST_NLL: _lowest_nll,
}
