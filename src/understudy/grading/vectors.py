r"""Sequences that are not written as sequences: ``2\mathbf{i} - \mathbf{k}``, ``P(3, -1)``, ``1 2 3``.

In: a tidy text, and the number of parts that are expected. Out: ``Items``, or None. Not here: comparing. These readings
are used only beside a sequence, as ``i`` is the imaginary unit and ``P(x)`` a function elsewhere.
"""

from __future__ import annotations

import re

from understudy.grading.structures import Items, Node, Scalar, read_node

MAX_CHARS = 60
"""Of a sum of unit vectors."""

_TERM = re.compile(r"\s*([-+]?)\s*((?:[^-+ijk()]|\([^()]*\)|\{[^{}]*\})*?)\s*\*?\s*\\?([ijk])(?:math)?(?![A-Za-z])")
_LABELLED = re.compile(r"[A-Z]'*\s*=?\s*(\([^()]*,[^()]*\))")
_TRANSPOSED = re.compile(r"([(\[].*,.*[)\]])\s*\^\s*\{?\s*(?:T|\\top|\\intercal)\s*\}?", re.DOTALL)
_SPACED = re.compile(r"-?\d+(?:\.\d+)?(?:\s+-?\d+(?:\.\d+)?)+")


def as_sequence(text: str, n_parts: int) -> Node | None:
    """The text as a sequence of ``n_parts``."""
    text = text.strip()
    for pattern in (_LABELLED, _TRANSPOSED):
        if match := pattern.fullmatch(text):
            return read_node(match[1])
    if _SPACED.fullmatch(text):
        return Items("", "", tuple(Scalar(part) for part in text.split()))
    return _of_unit_vectors(text, n_parts) if n_parts in (2, 3) and len(text) <= MAX_CHARS else None


def without_label(text: str) -> Node | None:
    """``P(3, -1)`` as the point."""
    match = _LABELLED.fullmatch(text.strip())
    return read_node(match[1]) if match else None


def _of_unit_vectors(text: str, n_parts: int) -> Node | None:
    """``2i - k`` as ``(2, 0, -1)``; None if another letter or a number without a unit vector stands in it."""
    found: dict[str, str] = {}
    end = 0
    for match in _TERM.finditer(text):
        if match.start() != end or match[3] in found or (end and not match[1]):
            return None
        found[match[3]] = f"{match[1]}{match[2].strip() or '1'}"
        end = match.end()
    if not found or text[end:].strip() or (n_parts == 2 and "k" in found):
        return None
    return Items("(", ")", tuple(Scalar(found.get(name, "0")) for name in "ijk"[:n_parts]))
