r"""Answers that say a value twice, name a choice with its value, or carry a remark: ``7 (seven)``, ``1/2 or 0.5``.

In: raw texts. Out: the parts that have to mean the same, or the text without its remark. Not here: comparing.
"""

from __future__ import annotations

import re

from understudy.grading.readings import is_roman
from understudy.grading.spoken import number_of_words
from understudy.grading.units import read_unit
from understudy.grading.words import is_word, unwrap_text

MAX_CHARS = 200

_IN_BRACKETS = re.compile(r"(\S.*?)\s+\(\s*((?:[^()]|\([^()]*\))+?)\s*\)((?:\s+[A-Za-z]+)*)", re.DOTALL)
_TEXT_IN_BRACKETS = re.compile(r"(\S.*?)\s*\\text\s*\{\s*\(([^(){}]*)\)\s*\}()", re.DOTALL)
_SAME = re.compile(
    r"(?:or(?:\s+about)?|approximately|about|approx\.?|i\.?\s?e\.?,?|that\s+is,?|which\s+is|equivalently|=|≈|~|\\approx)\s*"
)
_OR = re.compile(r"\s+(?:or|i\.e\.,?|or\s+equivalently|which\s+is)\s+|\s*\\text\s*\{\s*or\s*\}\s*")
_CLOSED = re.compile(r"(?:[-+\d.,/*^%°$€£\s{}()√π]|\\(?:d?frac|sqrt|pi|cdot|%|\$))+")
_TAKES_BACK = frozenset("mod modulo not base wrong false incorrect or minus plus times except without".split())
_CHOICE_WITH_VALUE = re.compile(
    r"\\(?:text|textbf|textrm|mathrm|mathbf)\s*\{\s*\(?\s*([A-H])\s*\)?\s*\}(?:\\[ ,;!:]|~|\\q?quad|[\s:.])*(.+)",
    re.DOTALL,
)
_CHOICES = re.compile(r"\(?([A-H])\)?(?:\s*(?:,|;|、|&|\band\b|\s)\s*\(?([A-H])\)?)+", re.ASCII)
_SHORT_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "bn": 10**9}
_SHORT_SCALE = re.compile(rf"([-+]?\d+(?:\.\d+)?)\s?({'|'.join(_SHORT_SCALES)})")
_PENCE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s?p\s*$")
_RADIANS = re.compile(r"\brad(?:ians?)?\b")
_DEGREES = re.compile(r"\s*(?:\^\s*\{?\s*(?:\\circ|\\degree|°)\s*\}?|\\degree|°|\bdegrees?\b|\bdeg\b)")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_ORDINALS = {word: f"{number}{'st nd rd'.split()[number - 1] if number < 4 else 'th'}" for number, word in enumerate(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(), 1)}  # fmt: skip
_LEAD = re.compile(r"(?:in\s+)?(?:the\s+year\s+|year\s+|the\s+)(?=\d)", re.IGNORECASE)
_LARGE_NUMBER = re.compile(r"\s*-?(?:\d{1,3}(?:,\d{3})+|\d{4,})(?:\.0*)?\s*")


def said_twice(text: str) -> tuple[str, str] | None:
    """The two readings of ``1/2 (0.5)``, ``seven (7)``, ``1/2 or 0.5``; None if the text does not say a value twice."""
    text = text.strip(" .$")
    if len(text) > MAX_CHARS:
        return None
    if (match := _bracketed(text)) is not None:
        unit = match[3] or ""
        second = _SAME.sub("", match[2], count=1) if _SAME.match(match[2]) else match[2]
        return (match[1] + unit, second + unit) if _is_value(match[1]) and _is_value(second) else None
    parts = _OR.split(text)
    return (parts[0], parts[1]) if len(parts) == 2 and all(map(_is_value, parts)) else None


def without_remark(text: str) -> str:
    """``42 (apples)`` without the words in brackets; ``12 (cm)`` as ``12 cm``; any other text unchanged."""
    match = _bracketed(text.strip(" .")) if len(text) <= MAX_CHARS else None
    if match is None or match[3] or not _is_value(match[1]):
        return text
    words = re.findall(r"[^\W\d_]+", match[2])
    is_prose = bool(words) and re.fullmatch(r"[^\W\d_]+(?:[\s,'’-]+[^\W\d_]+)*", match[2]) is not None
    if not is_prose or number_of_words(match[2]) or _TAKES_BACK & {word.casefold() for word in words}:
        return text
    if read_unit(match[2]):
        return f"{match[1]} {match[2]}"
    return match[1] if all(len(word) > 4 or is_word(word) for word in words) else text


def _bracketed(text: str) -> re.Match[str] | None:
    return _IN_BRACKETS.fullmatch(text) or _TEXT_IN_BRACKETS.fullmatch(text)


def _is_value(text: str) -> bool:
    """Whether a text is a number in signs, in words or in Roman letters."""
    if _CLOSED.fullmatch(text):
        return re.search(r"[\dπ]|pi", text) is not None
    if len(text) > 1 and text.isupper() and is_roman(text):
        return True
    found = number_of_words(text)
    return found is not None and not found[1]


def choice_and_value(reference: str) -> tuple[str, str] | None:
    r"""Letter and value of ``\textbf{(C)}\ 12``."""
    match = _CHOICE_WITH_VALUE.fullmatch(reference.strip(" $"))
    return (match[1], match[2]) if match else None


def same_choices(reference: str, answer: str) -> bool:
    """Whether ``ACD`` and ``A, C and D`` are the same choices."""
    letters = reference.strip()
    if not re.fullmatch(r"[A-H]{2,8}", letters) or list(letters) != sorted({*letters}):
        return False
    is_listed = _CHOICES.fullmatch(answer.strip(" .$")) is not None
    return is_listed and sorted({*re.findall(r"\b[A-H]\b", answer)}) == list(letters)


def _in_radians(text: str, other: str) -> str:
    """An angle in degrees beside one in radians: ``180°`` as ``180*π/180``."""
    is_beside = _RADIANS.search(other) is not None and _RADIANS.search(text) is None
    return _DEGREES.sub(r"*\\pi/180", text) if is_beside else text


def short_scale(answer: str, reference: str) -> str:
    """``1.5k`` as ``1.5*1000`` beside a large whole number, ``320p`` as pence beside pounds.

    Beside anything else the letter may be a variable or a unit.
    """
    match = _SHORT_SCALE.fullmatch(answer.strip(" .$"))
    if match and _LARGE_NUMBER.fullmatch(reference.replace("{,}", ",")):
        return f"{match[1]}*{_SHORT_SCALES[match[2]]}"
    return _PENCE.sub(r"\1 pence", answer) if re.search(r"£|GBP|pence|pounds|sterling", reference) else answer


def in_digits(text: str, other: str, *, is_answer: bool = False) -> str:
    r"""Number words in digits: ``\text{seven}``, ``Twenty-one dollars``; ``seven apples`` only beside a number.

    Ordinals are digits beside ``3rd``, degrees are radians beside radians, ``the year`` before a number is left out.
    """
    text = _in_radians(text, other)
    plain = unwrap_text(text).strip(" .$")
    if negative := re.match(r"(?:negative|minus)\s+(?=\S)", plain, re.IGNORECASE):
        return f"-{in_digits(plain[negative.end() :], other, is_answer=is_answer)}"
    if _ORDINAL.fullmatch(unwrap_text(other).strip(" .$")) and plain.lower() in _ORDINALS:
        return _ORDINALS[plain.lower()]
    if lead := _LEAD.match(plain):
        return plain[lead.end() :]
    found = number_of_words(plain) if plain[:1].isalpha() else None
    if found is None or not (not found[1] or read_unit(found[1]) or (is_answer and re.fullmatch(r"[\W\d]+", other))):
        return text
    return " ".join(found).strip()
