"""A value inside a row, with its place in the row, so that an error can name it: ``messages.3.content``.

In: plain JSON values. Out: typed values, or a ``TraceError``. Not here: the meaning of any format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from understudy import runs
from understudy.curation.traces.refusals import TraceError, unknown_shape
from understudy.datafiles import parse_json


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. ``None`` means missing, as in tables."""

    value: object
    path: str = ""

    def __getitem__(self, key: str) -> Node:
        """The field of an object; ``None`` if it is missing. Raises ``TraceError`` if this is not an object."""
        if not isinstance(self.value, Mapping):
            raise self.error("an object")
        return Node(self.value.get(key), f"{self.path}.{key}" if self.path else key)

    def __iter__(self) -> Iterator[Node]:
        """The elements of a list; none if it is missing. Raises ``TraceError`` for anything else."""
        if self.value is None:
            return
        if not isinstance(self.value, list | tuple):
            raise self.error("a list")
        for index, one in enumerate(self.value):
            yield Node(one, f"{self.path}.{index}" if self.path else str(index))

    def __bool__(self) -> bool:
        """Whether the value is neither missing nor empty."""
        return bool(self.value)

    @property
    def is_object(self) -> bool:
        return isinstance(self.value, Mapping)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list | tuple)

    @property
    def is_text(self) -> bool:
        return isinstance(self.value, str)

    def has(self, *keys: str) -> bool:
        """Whether this is an object that has all the fields with values other than null."""
        return isinstance(self.value, Mapping) and all(self.value.get(key) is not None for key in keys)

    def any_of(self, *keys: str) -> Node:
        """The first of the fields that is present; if none is, the first one, missing."""
        return next((self[key] for key in keys if self[key].value is not None), self[keys[0]])

    def text(self, default: str | None = None) -> str:
        """The text. Raises ``TraceError`` for another value, and for a missing one without a default."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            raise self.error("a text")
        return self.value

    def count(self) -> int:
        """A count; 0 if it is missing or invalid, since only a figure in a report depends on it."""
        return int(self.value) if isinstance(self.value, int | float) and self.value == self.value else 0

    def mapping(self) -> dict[str, JsonValue]:
        """The object as a plain dict. Raises ``TraceError`` for anything else."""
        if not isinstance(self.value, Mapping):
            raise self.error("an object")
        return dict(self.value)

    def opened(self) -> Node:
        """The value itself, or the value of its JSON text. Raises ``TraceError`` for text that is not JSON."""
        if not isinstance(self.value, str):
            return self
        try:
            return Node(parse_json(self.value.encode()), self.path)
        except ValueError as error:
            raise unknown_shape(f"{self.path or 'row'}: {error}") from None

    def error(self, expected: str) -> TraceError:
        """The error for an unexpected value."""
        return unknown_shape(f"{self.path or 'row'}: expected {expected}, got {short(self.value)}")


def short(value: object) -> str:
    """A value for a message, truncated to 80 characters."""
    if value is None:
        return "nothing"
    return runs.short(value)
