r"""Equations and inequalities: ``y = 2x + 3`` is ``2x - y + 3 = 0``, and ``x = 5`` may stand for 5.

In: a tidy text. Out: a ``Relation``, and the name and value of an assignment. Not here: algebra (``symbolic``),
intervals (``structures``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.grading.structures import split_outside
from understudy.grading.words import unwrap_text

_SIGNS = "=<>≤≥≠"
_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}
_INDEX = r"(?:\s*_\s*(?:\w|\{[^{}]*\}))?'*"
_NAME = re.compile(
    rf"(?:\\(?!frac|sqrt|sin|cos|tan|log|ln)[A-Za-z]+\s*)?"
    rf"(?:[A-Za-z]{_INDEX}|[A-Z]{{2,5}}{_INDEX}|[A-Za-z]{{3,}}(?:\s+[A-Za-z]+){{0,4}})?(?:\s*\([^()=]*\))?|\|[A-Z]{{1,3}}\||"
    rf"[A-Za-z]\s*\^\s*\{{?\s*-\s*1\s*\}}?\s*\([A-Za-z]\)|\\(?:overline|angle|triangle|widehat)\s*\{{?\s*[A-Z]{{1,4}}\s*\}}?|m\s*\\angle\s*[A-Z]{{1,3}}"
)
_NOT_NAMES = re.compile(r"\\?(?:sqrt|sin|cos|tan|cot|log|ln|exp)\b")


@dataclass(frozen=True, slots=True)
class Relation:
    """Two sides and the sign between them."""

    left: str
    sign: str
    right: str

    @property
    def difference(self) -> str:
        return f"({self.left})-({self.right})" if self.right.strip() != "0" else self.left

    def flipped(self) -> Relation:
        return Relation(self.right, _FLIPPED[self.sign], self.left)

    @property
    def assigned(self) -> tuple[str, str] | None:
        """The name and the value of ``x = 5`` or ``5 = x``; None for other relations."""
        if self.sign != "=":
            return None
        for name, value in ((self.left, self.right), (self.right, self.left)):
            if is_name(name):
                return name.strip(), value.strip()
        return None


def is_name(text: str) -> bool:
    """Whether the text names a quantity: ``x``, ``f(x)``, ``AB``, ``Area``; not ``-x``, ``xy`` or ``x + y``."""
    text = unwrap_text(text).strip()
    return bool(text) and _NAME.fullmatch(text) is not None and not _NOT_NAMES.match(text)


def read_relation(text: str) -> Relation | None:
    """The text as a relation, None if it is not one; for ``x = 2 + 3 = 5``, the first and the last side."""
    if len(split_outside(text, ",")) > 1:
        return None
    signs = [sign for sign in _SIGNS if len(split_outside(text, sign)) > 1]
    if len(signs) != 1:
        return None
    sides = [side.strip() for side in split_outside(text, signs[0])]
    if not sides[-1] or not sides[0] or (len(sides) > 2 and signs[0] != "="):
        return None
    return Relation(sides[0], signs[0], sides[-1])


def same_name(first: str, second: str) -> bool:
    """Whether two names may mean the same: ``y`` and ``f(x)`` both mean a function's value."""
    if any("(" in name for name in (first, second)):
        return True
    plain = [re.sub(r"[\s{}\\]", "", unwrap_text(name)).casefold() for name in (first, second)]
    return plain[0] == plain[1] or any(len(name) > 2 for name in plain)
