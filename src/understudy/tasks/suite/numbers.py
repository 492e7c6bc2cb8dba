"""Which split of the suite may use a number or a name.

In: a text. Out: the one split that it belongs to. Numbers below ten belong to both splits, because there are too few of
them.
"""

from __future__ import annotations

import re
import zlib

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def numbers_in(text: str) -> list[str]:
    """The numbers in a text, without thousands separators."""
    return [found.replace(",", "") for found in _NUMBER.findall(text)]


def may_use(name: str, split: str) -> bool:
    """Whether a split may use a name."""
    return (zlib.crc32(name.encode()) % 2 == 0) == (split == "test")


def has_only_numbers_of(text: str, split: str) -> bool:
    """Whether a split may use all numbers in a text."""
    return all(may_use_number(float(number), split) for number in numbers_in(text))


def may_use_number(number: float, split: str) -> bool:
    """Whether a split may use a number, however it is spelled."""
    return number < 10 or may_use(f"{number:.6f}", split)
