r"""Other readings of an answer: ``XII`` as 12, ``2 and 1/2`` as 2.5, ``0,5`` as 0.5, ``True`` as 1.

In: a reference and an answer that differ in the usual reading. Out: the answer as the reference's author might have
written it, and what it means if it is equal then: right, or not judged where a reader could not be sure. Not here: the
usual reading; comparing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.grading.units import split_unit
from understudy.grading.words import unwrap_text

_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_LETTERS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_WHOLE = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
_MIXED = re.compile(
    r"(-?[1-9]\d*)\s*(?:and|\\text\s*\{\s*and\s*\})\s*"
    r"((?:\\[dt]?frac\s*\{?\s*(\d+)\s*\}?\s*\{?\s*(\d+)\s*\}?|(\d+)\s*/\s*(\d+))(?![\d/^*.]))([^\d,;]*)"
)
_COMMA = re.compile(r"(?<![\d.,])\d+,\d+(?![\d,.])")
_IN_ONE_NUMBER = re.compile(
    r"[^\d,;()\[\]{}]*\d{1,3}(?:[ ']\d{3})*,\d+[^\d,;()\[\]{}]*|[^\d,;()\[\]{}]*\d+,\d+[^\d,;()\[\]{}]*"
)
_IN_SEVERAL = re.compile(r"\s*[(\[]?\s*-?\d+(?:,\d+)?(?:\s*;\s*-?\d+(?:,\d+)?)+\s*[)\]]?\s*")
_MAY_BE_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
_TONNES = re.compile(r"(-?(?:\d[\d.,]*|\d+\s*/\s*\d+|\\[dt]?frac\s*\{\d+\}\s*\{\d+\}))\s*t")
_MASS = (("g", 1),)
_TRUTH = {"true": "1", "false": "0"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A reference and an answer as they may be meant."""

    reference: str
    answer: str
    is_certain: bool
    """If they are equal, the answer is right; otherwise it is not judged."""
    how: str


def other_readings(reference: str, answer: str) -> Iterator[Reading]:
    """Readings to compare if the usual one gives different values."""
    yield from _as_roman(reference, answer)
    yield from _as_truth(reference, answer)
    if (match := _MIXED.fullmatch(answer.strip(" .$"))) is not None:
        above, below = int(match[3] or match[5]), int(match[4] or match[6])
        if 0 < above < below:
            yield Reading(reference, f"{match[1]} {above}/{below}{match[7]}", True, "read as a mixed number")
    yield from _with_decimal_comma(reference, answer)
    yield from _as_tonnes(reference, answer)


def _as_roman(reference: str, answer: str) -> Iterator[Reading]:
    """Only beside a whole number. ``V`` may be a variable or a choice; ``I`` and ``i`` are the imaginary unit."""
    written = unwrap_text(answer).strip(" .$*")
    letters = unicodedata.normalize("NFKC", written)
    number = _WHOLE.fullmatch(unwrap_text(reference).strip(" .$"))
    is_single = len(letters) == 1 and letters == written
    if number is None or not is_roman(letters) or (is_single and letters not in "VXLCDM"):
        return
    if _roman_value(letters.upper()) == int(number[0].replace(",", "")):
        is_certain = not is_single and set(letters) != {"i"}
        yield Reading(number[0], number[0], is_certain, "read as a Roman numeral")


def is_roman(text: str) -> bool:
    """Whether a text is a numeral of Roman letters, all capital or all small."""
    is_one_case = text.isascii() and (text.isupper() or text.islower())
    return is_one_case and _ROMAN.fullmatch(text.upper()) is not None


def _roman_value(letters: str) -> int:
    values = [_LETTERS[letter] for letter in letters]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _as_truth(reference: str, answer: str) -> Iterator[Reading]:
    """A program's ``True`` is 1, but a truth value is not a number."""
    sides = [unwrap_text(text).strip(" .$") for text in (reference, answer)]
    numbers = [_TRUTH.get(side.lower(), side) for side in sides]
    if numbers != sides and numbers[0] == numbers[1] and set(numbers) <= {"0", "1"}:
        yield Reading("1", "1", False, "a truth value beside a number")


def _as_tonnes(reference: str, answer: str) -> Iterator[Reading]:
    """``1.5 t`` beside a mass; elsewhere ``t`` is a variable."""
    match = _TONNES.fullmatch(re.sub(r"\\[,;: ]", " ", unwrap_text(answer)).strip(" .$*"))
    if match is not None and any(
        unit.dimension == _MASS for unit in split_unit(unwrap_text(reference).strip(" .$"))[1]
    ):
        yield Reading(reference, f"{match[1]} tonne", True, "read as tonnes")


def _with_decimal_comma(reference: str, answer: str) -> Iterator[Reading]:
    """``1,5`` is 1.5 beside a single number; ``1,500`` may be a thousand and a half; ``3,0`` may be 3 and 0."""
    how = "read with a decimal comma"
    plain = answer.replace("{,}", ",")
    if _IN_ONE_NUMBER.fullmatch(plain):
        (found,) = _COMMA.findall(plain) or ("",)
        if found:
            is_certain = not _MAY_BE_THOUSANDS.fullmatch(found) and found.partition(",")[2].strip("0") != ""
            yield Reading(reference, plain.replace(",", "."), is_certain, how)
    elif _IN_SEVERAL.fullmatch(plain) and "," in plain:
        yield Reading(reference, plain.replace(",", ".").replace(";", ", "), True, how)
    if _IN_ONE_NUMBER.fullmatch(reference) and "," not in answer and _COMMA.search(reference):
        yield Reading(reference.replace(",", "."), answer, False, how)
