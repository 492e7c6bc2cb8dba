"""The protocol of task sources, which yield tasks.

In: nothing. Out: the protocol and the settings that all sources share. Not here: the built-in sources (``sources``), a
user's own (``own_sources``), and what a task set is made of (``loading``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Protocol

from pydantic import Field

from understudy.records import Task
from understudy.registry import PartConfig


class SkipReason(StrEnum):
    """Why a row did not become a task."""

    EMPTY_ANSWER = "empty_answer"
    """A benchmark's reference answer is blank."""
    DUPLICATE = "duplicate"
    """The same question with the same answer came before."""


class BadTaskError(ValueError):
    """An invalid row; the message names file, line, field, the expected and the given value."""


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a source: its task, or why it has none."""

    place: str
    """For messages: ``questions.jsonl, line 7``."""
    task: Task | SkipReason


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What is known of a source before it is read."""

    name: str
    """Label of the data, for messages and ``Task.source``."""
    split: str = ""
    licence: str = ""
    """Of the questions, if it is known."""
    keeps_repeated: bool = False
    """A question that came before under another id is kept: the paper's sets are loaded as the paper used them."""
    draws: bool = False
    """The source itself applies ``limit`` and ``seed``."""


class TaskSource(Protocol):
    """Yields the tasks of one set."""

    facts: SourceFacts

    def find(self) -> Iterator[Found]:
        """All rows, each with its task. Raises ``BadTaskError``."""
        ...


class TaskSourceConfig(PartConfig):
    """What all task sources have in common, a user's own included."""

    world: ClassVar[str] = ""
    """The kind of environment that the questions are about and of the grader that judges its state; empty: none."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """How many tasks at most. They are drawn by ``seed``, so a larger limit holds the smaller one, and keep their
    order."""
    seed: int = 0
