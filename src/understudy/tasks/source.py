"""What a task source is: a thing that yields tasks.

In: nothing. Out: the protocol that built-in sources keep, and how a user's function or class becomes one. A user's
source returns or yields ``Task`` records, or mappings with the fields of one, of which only ``question`` is required:

    def refunds(orders: str = "orders.db"):
        yield {"question": "How many refunds were there in May?", "answer": "12"}

Not here: the built-in sources (``sources``) and what a task set is made of (``loading``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import ValidationError

from understudy.records import Task
from understudy.runs import explain


class SkipReason(StrEnum):
    """Why a row did not become a task."""

    EMPTY_ANSWER = "empty_answer"
    """A benchmark's reference answer is blank."""
    DUPLICATE = "duplicate"
    """The same question with the same answer came before."""


class BadTaskError(ValueError):
    """A row is not what it should be; the message names file, line, field, what came and what was expected."""


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
    """Of the questions, where it is known."""
    keeps_repeated: bool = False
    """A question that came before under another id is kept: the paper's sets are loaded as the paper used them."""
    draws: bool = False
    """The source itself heeds ``limit`` and ``seed``."""


class TaskSource(Protocol):
    """Yields the tasks of one set."""

    facts: SourceFacts

    def find(self) -> Iterator[Found]:
        """All rows, each with its task. Raises ``BadTaskError``."""
        ...


class OwnSource:
    """A user's source: whatever yields tasks or mappings when it is called."""

    def __init__(self, name: str, make: Callable[[], object]) -> None:
        self.facts = SourceFacts(name)
        self._make = make

    def find(self) -> Iterator[Found]:
        name = self.facts.name
        for number, one in enumerate(self._made(), 1):
            place = f"{name}, task {number}"
            task = _task(one, place)
            yield Found(place, task if task.source else task.model_copy(update={"source": name}))

    def _made(self) -> Iterator[object]:
        """What the user's code yields; what it raises becomes an error that names it."""
        name = self.facts.name
        try:
            made = self._make()
            if isinstance(made, str | Mapping) or not isinstance(made, Iterable):
                raise BadTaskError(f"{name}: expected an iterable of tasks, came {type(made).__name__}")
            yield from made
        except BadTaskError:
            raise
        except Exception as error:
            raise BadTaskError(f"{name} raised {type(error).__name__}: {error}") from error


def function_source(function: Callable[..., object]) -> TaskSource:
    """A source of what a function returns or yields."""
    return OwnSource(f"{function.__module__}:{function.__name__}", function)


def as_source(opened: object, kind: str) -> TaskSource:
    """A built-in source as it is; an object of a user's class by its iteration."""
    if hasattr(opened, "find"):
        return opened  # type: ignore[return-value]
    return OwnSource(kind, lambda: opened)


def _task(value: object, place: str) -> Task:
    if isinstance(value, Task):
        return value
    if not isinstance(value, Mapping):
        raise BadTaskError(f"{place}: expected a Task or a mapping with a question, came {type(value).__name__}")
    try:
        return Task.model_validate(value)
    except ValidationError as error:
        raise BadTaskError(f"{place}: {explain(error, 'task')}") from None
