r"""Numerals of a base: ``1011_2``, ``0.11_2``, ``(1011)_{two}``, ``0b1011``, ``1011 base 2``.

In: a tidy text. Out: digits and base. Not here: numbers in base ten.

A question that names base 8 expects a numeral: ``2516_8`` equals ``2516``, but neither ``2516_7`` nor its value
``1358``. Where the reference is a plain number, a numeral of that value is right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from understudy.grading.words import unwrap_text

_BASES = {word: base for base, word in enumerate(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen".split(), 2)}  # fmt: skip
_BASES |= {"binary": 2, "octal": 8, "decimal": 10, "hexadecimal": 16, "hex": 16}
_INDEXED = re.compile(r"\(?(-?[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)?)\)?_\{?\(?(?:base)?(\w+?)\)?\}?")
_SAID = re.compile(
    r"\(?(-?[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)?)\)?\s*,?\s*\(?\s*(?:in\s+)?(?:base[\s-]*(\w+)|(binary|octal|hexadecimal|hex))\s*\)?",
    re.IGNORECASE,
)
_PREFIXED = re.compile(r"(-?)0([box])([0-9A-Fa-f]+)", re.IGNORECASE)
_PREFIXES = {"b": 2, "o": 8, "x": 16}
_DIGITS = re.compile(r"-?[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)?")


@dataclass(frozen=True, slots=True)
class Numeral:
    """Digits in upper case without leading zeros, and their base."""

    digits: str
    base: int

    @property
    def value(self) -> Fraction:
        whole, _, part = self.digits.partition(".")
        return Fraction(int(whole + part, self.base), self.base ** len(part))


def read_numeral(text: str) -> Numeral | None:
    """The text as a numeral; None if it names no base or its digits do not fit the base."""
    text = unwrap_text(text).strip()
    if len(text) > 500:
        return None
    if match := _PREFIXED.fullmatch(text):
        return _numeral(match[1] + match[3], _PREFIXES[match[2].lower()], certain=True)
    if match := _INDEXED.fullmatch(text.replace(" ", "")):
        return _numeral(match[1], _base(match[2]), certain=False)
    if match := _SAID.fullmatch(text):
        return _numeral(match[1], _base(match[2] or match[3]), certain=True)
    return None


def _base(text: str) -> int:
    return int(text) if text.isdigit() else _BASES.get(text.casefold(), 0)


def _numeral(digits: str, base: int, *, certain: bool) -> Numeral | None:
    """``a_{12}`` is a variable with an index: without a digit below ten a numeral has two digits and base 16."""
    is_variable = not certain and not re.search(r"\d", digits) and (base != 16 or len(digits) < 2)
    if not 2 <= base <= 36 or is_variable or any(int(digit, 36) >= base for digit in re.sub(r"[-.]", "", digits)):
        return None
    return Numeral(_shortest(digits), base)


def _shortest(digits: str) -> str:
    """Digits in upper case, without zeros that change nothing."""
    whole, _, part = digits.upper().removeprefix("-").partition(".")
    return "-" * digits.startswith("-") + (whole.lstrip("0") or "0") + f".{part}".rstrip("0").rstrip(".")


def same_numeral(expected: str, actual: str) -> bool | None:
    """Whether two texts, of which at least one is a numeral, are the same numeral, or a number and its numeral."""
    first, second = read_numeral(expected), read_numeral(actual)
    if first is not None and second is not None:
        return first == second
    if first is not None:
        plain = _DIGITS.fullmatch(unwrap_text(actual).replace(" ", "").replace(",", ""))
        return plain is not None and _shortest(plain[0]) == first.digits
    number = re.fullmatch(r"(-?\d+(?:\.\d*)?)", expected.replace(" ", "").replace(",", ""))
    if second is None or number is None:
        return False
    if second.value == Fraction(number[1]):
        return True
    # "1011" may be meant in base 2, as the question may have asked for it.
    return None if second.digits == number[1] else False
