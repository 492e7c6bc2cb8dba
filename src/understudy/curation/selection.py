"""Which of several good attempts at one task are kept.

In: the examples of one task in order of attempt. Out: those that are kept. Not here: what makes an attempt good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from understudy.curation.config import Selection
from understudy.records import Example, Message, Role


class Student(Protocol):
    """What a curation may ask of the student that is to be trained."""

    def n_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered conversation."""
        ...

    def mean_nll(self, example: Example) -> float:
        """Mean negative log-probability, in nats, of the example's trained tokens."""
        ...


def select(examples: Sequence[Example], how: Selection, student: Student | None) -> list[Example]:
    """Return the kept ones of the examples of one task, given in order of attempt. Ties go to the earlier one."""
    if how is Selection.ALL or len(examples) <= 1:
        return list(examples)
    if how is Selection.FIRST:
        return [examples[0]]
    if how is Selection.SHORTEST:
        return [min(examples, key=_said_chars)]
    if student is None:
        raise ValueError(f"select: '{Selection.LOWEST_NLL}' asks the student, but no student was given")
    return [min(examples, key=student.mean_nll)]


def _said_chars(example: Example) -> int:
    return sum(len(message.content) for message in example.messages if message.role is Role.ASSISTANT)
