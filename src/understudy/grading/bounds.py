r"""Two bounds of one variable that are joined by ``and``: ``x > 2 and x < 5`` as ``2 < x < 5``.

In: a text. Out: the same with both bounds in one inequality, if their numbers are in order. Not here: other
inequalities. ``x < 1 and x > 3`` stays as it is: it is mostly meant as a union.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_CHARS = 200

_SIGN = r"(<=|>=|<|>|≤|≥|\\leq?\b|\\geq?\b|\\lt\b|\\gt\b)"
_NUMBER = r"(-?\d+(?:\.\d+)?(?:/\d+)?)"
_AND = r"\s*,?\s*(?:\band\b|\\text\s*\{\s*and\s*\}|∧|\\land\b|\\wedge\b|&)\s*"
_TWO_BOUNDS = re.compile(rf"([A-Za-z])\s*{_SIGN}\s*{_NUMBER}{_AND}\1\s*{_SIGN}\s*{_NUMBER}")
_LOWER = {">": "<", ">=": "≤", "≥": "≤", r"\ge": "≤", r"\geq": "≤", r"\gt": "<"}


def with_joined_bounds(text: str) -> str:
    """The text with two bounds as one inequality; any other text unchanged."""
    match = _TWO_BOUNDS.fullmatch(text.strip(" .$")) if len(text) <= MAX_CHARS else None
    if match is None:
        return text
    name, *bounds = match.groups()
    lower, upper = sorted((bounds[:2], bounds[2:]), key=lambda bound: bound[0] not in _LOWER)
    is_between = lower[0] in _LOWER and upper[0] not in _LOWER and _value(lower[1]) < _value(upper[1])
    return f"{lower[1]} {_LOWER[lower[0]]} {name} {upper[0]} {upper[1]}" if is_between else text


def _value(text: str) -> Fraction:
    number, _, below = text.partition("/")
    return Fraction(number) / (Fraction(below or 1) or 1)
