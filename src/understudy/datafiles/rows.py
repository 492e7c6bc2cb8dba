"""Rows, and rows that cannot be read: the types that the readers of all formats return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


class DataFileError(ValueError):
    """A file, folder or data set that cannot be read at all; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row and its place."""

    value: object
    number: int
    """Counted from 1."""
    place: str
    """For messages: ``questions.jsonl, line 7``."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read."""

    number: int
    place: str
    reason: str
    """What came and what was expected."""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


Rows = Iterator[Row | BadRow]
