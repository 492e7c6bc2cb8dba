"""Functions that tests name as tools."""

from __future__ import annotations

import time
from typing import Literal

from understudy.tools import pure


@pure
def convert(amount: float, unit: Literal["km", "mi"] = "km") -> float:
    """Convert between kilometres and miles."""
    return amount * (0.621371 if unit == "km" else 1.609344)


def note(text: str, *, tags: list[str] | None = None) -> str:
    """Write a note."""
    return text


def fail(what: str) -> str:
    """Fail."""
    raise KeyError(what)


def hang(seconds: float) -> str:
    """Take long."""
    time.sleep(seconds)
    return "done"


def flood(n: int) -> str:
    """Say much."""
    return "x" * n


def flood_list(n: int) -> list[int]:
    """Say much in a list."""
    return list(range(n))


def untyped(a) -> str:  # type: ignore[no-untyped-def]
    """No type for a."""
    return str(a)


def undocumented(a: int) -> int:
    return a


constant = 3
