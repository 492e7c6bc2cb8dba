"""Task sources as users write them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from understudy.records import Task, TaskKind


def sums() -> Iterator[Task]:
    """Sums of small numbers."""
    for number in range(20):
        yield Task(question=f"{number} + 1?", answer=str(number + 1), kind=TaskKind.MATH)


def mappings() -> list[dict[str, object]]:
    return [{"question": "Who?"}, {"question": "Where?", "answer": "here", "id": "w"}]


def products(factor: int, *, start: int = 0, kind_of_sign: str = "times") -> Iterator[dict[str, object]]:
    for number in range(start, start + 30):
        yield {"question": f"{number} {kind_of_sign} {factor}?", "answer": str(number * factor)}


def fails() -> Iterator[Task]:
    yield Task(question="Who?")
    raise KeyError("orders")


def nothing() -> list[Task]:
    return []


def no_list() -> object:
    return 3


def no_tasks() -> list[object]:
    return ["Who?"]


def wrong_keys() -> list[dict[str, object]]:
    return [{"question": "Who?"}, {"query": "Who?"}]


class Squares:
    """Squares of small numbers."""

    class Config(BaseModel):
        """Which ones."""

        below: int = 3

    def __init__(self, config: Config) -> None:
        self._config = config

    def __iter__(self) -> Iterator[Task]:
        for number in range(self._config.below):
            yield Task(question=f"{number} squared?", answer=str(number**2), source="squares")
