"""Times of day and dates.

In: a text. Out: its possible meanings: seconds of the day, or (year, month, day). Not here: durations (``units``),
ratios.

``4:30 PM`` is ``16:30`` and not ``4:30 AM``. If one side leaves open what the other states (``4:30``, ``3/5/2024``, a
date without a year), the verdict is None unless the two certainly differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.grading.words import unwrap_text

_CLOCK = re.compile(
    r"(\d{1,2})(?:[:.](\d{2}))?(?::(\d{2}))?(?:\s*o'?clock(?=\s*[ap]\.?\s?m))?"
    r"\s*(a\.?\s?m\b\.?|p\.?\s?m\b\.?|noon|midnight|o'?clock)?(?:\s+(?:sharp|exactly))?",
    re.IGNORECASE,
)
_HOURS = re.compile(r"(\d{1,2})\s?h\s?(\d{2})|([01]\d|2[0-3])([0-5]\d)\s?(?:h|hrs|hours)")
"""``18h00``, ``1800 hours``."""
_NAMED_HOURS = {"noon": 12 * 60, "midday": 12 * 60, "midnight": 0}
_MONTHS = {name: number for number, name in enumerate(
    "january february march april may june july august september october november december".split(), 1)}  # fmt: skip
_MONTH = r"([A-Za-z]{3,9})\.?"
_YEAR = re.compile(r"(?:(AD)\s*(\d{1,4})|(\d{1,4})\s*(AD|CE|BCE?))")
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = re.compile(r"^(?:on\s+)?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day)\s*,?\s+(?=[\dA-Za-z])", re.IGNORECASE)
_SPELLED = (
    (re.compile(rf"{_MONTH}\s+(?:the\s+)?{_DAY}(?:\s*,?\s*(\d{{4}}))?", re.IGNORECASE), (3, 1, 2)),
    (re.compile(rf"(?:the\s+)?{_DAY}[\s-]+(?:of\s+)?{_MONTH}(?:[\s-]*,?\s*(\d{{4}}))?", re.IGNORECASE), (3, 2, 1)),
    (re.compile(rf"{_MONTH}\s*,?\s*(\d{{4}})(\Z)", re.IGNORECASE), (2, 1, 3)),
)
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})")
_ISO_MONTH = re.compile(r"(\d{4})[-/](0[1-9]|1[0-2])|(0[1-9]|1[0-2])/(\d{4})")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]00:00(?::00)?)?")


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day: its possible seconds since midnight."""

    may_be: frozenset[int]
    written: tuple[int, int, int] | None = None
    """Hour, minute and second of a time without a.m. or p.m."""


@dataclass(frozen=True, slots=True)
class Date:
    """Possible (year, month, day); 0 for a missing year, month or day; years before Christ are negative."""

    may_be: frozenset[tuple[int, int, int]]


Moment = Clock | Date


def read_moments(expected: str, actual: str) -> tuple[Moment, Moment] | None:
    """Both texts as times or dates; None if one of them is neither. ``1999`` is a year beside ``1999 AD``."""
    found = [read_moment(expected), read_moment(actual)]
    for index, (text, other) in enumerate(((expected, found[1]), (actual, found[0]))):
        bare = re.fullmatch(r"\d{1,4}", text.strip(" .$"))
        if bare is not None and isinstance(other, Date) and {(m, d) for _, m, d in other.may_be} == {(0, 0)}:
            is_before = any(year < 0 for year, _, _ in other.may_be)
            found[index] = Date(frozenset({(int(bare[0]), 0, 0)} | ({(-int(bare[0]), 0, 0)} if is_before else set())))
    first, second = found
    return None if first is None or second is None else (first, second)


def read_moment(text: str) -> Moment | None:
    """The text as a time or date; None if it is neither."""
    text = " ".join(unwrap_text(text).replace("\\", " ").replace("~", " ").split()).strip(" .,$")
    if len(text) > 60:
        return None
    return _read_clock(text) or _read_date(_WEEKDAY.sub("", text))


def _read_clock(text: str) -> Clock | None:
    if text.casefold() in _NAMED_HOURS:
        return Clock(frozenset({_NAMED_HOURS[text.casefold()] * 60}))
    if hours := _HOURS.fullmatch(text):
        text = f"{hours[1] or hours[3]}:{hours[2] or hours[4]}"
    match = _CLOCK.fullmatch(text.removeprefix("at ").strip())
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups()[:3])
    mark = (match[4] or "").casefold().replace(".", "").replace(" ", "")
    if (match[2] is None and not mark) or ("." in match[0][:3] and not mark) or hour > 24 or minute > 59 or second > 59:
        return None
    rest = 60 * minute + second
    if mark in ("am", "pm", "noon", "midnight"):
        is_late = mark in ("pm", "noon")
        return Clock(frozenset({3600 * (hour % 12 + 12 * is_late) + rest})) if 1 <= hour <= 12 else None
    is_open = 1 <= hour <= 12 and not match[0].startswith("0")
    return Clock(
        frozenset(
            {3600 * (hour % 24) + rest}
            | ({3600 * (hour % 12 + 12 * late) + rest for late in (0, 1)} if is_open else set())
        ),
        (hour, minute, second),
    )


def _read_date(text: str) -> Date | None:
    if match := _ISO.fullmatch(text):
        return _date({(int(match[1]), int(match[2]), int(match[3]))})
    if match := _ISO_MONTH.fullmatch(text):
        return _date({(int(match[1] or match[4]), int(match[2] or match[3]), 0)})
    if match := _YEAR.fullmatch(text):
        return _date({(int(match[2] or match[3]) * (-1 if (match[4] or "").startswith("B") else 1), 0, 0)})
    if match := _NUMERIC.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        year += 2000 if len(match[4]) == 2 else 0
        return _date({(year, *days) for days in ((first, second), (second, first)) if days[0]})
    for pattern, (year_at, month_at, day_at) in _SPELLED:
        match = pattern.fullmatch(text)
        month = _month(match[month_at]) if match else None
        if match and month:
            return _date({(int(match[year_at] or 0), month, int(match[day_at] or 0))})
    return None


def _month(name: str) -> int | None:
    name = name.casefold()
    found = [
        number
        for month, number in _MONTHS.items()
        if month == name or (name[:3] == month[:3] and name in (month[:3], month[:4]))
    ]
    return found[0] if found else None


def _date(days: set[tuple[int, int, int]]) -> Date | None:
    possible = frozenset((y, m, d) for y, m, d in days if 0 <= m <= 12 and 0 <= d <= 31)
    return Date(possible) if possible else None


def same_moment(expected: Moment, actual: Moment) -> bool | None:
    """Whether two moments are the same; None if one of them leaves open what the other states."""
    if isinstance(expected, Clock) and isinstance(actual, Clock):
        is_same_text = bool(expected.written) and expected.written == actual.written
        return True if is_same_text else _same(expected.may_be, actual.may_be)
    if isinstance(expected, Date) and isinstance(actual, Date):
        verdicts = {_same_day(a, b) for a in expected.may_be for b in actual.may_be}
        if expected == actual:
            return True
        return verdicts.pop() if len(verdicts) == 1 else None
    return False


def _same(expected: frozenset[int], actual: frozenset[int]) -> bool | None:
    if expected == actual:
        return True
    return None if expected & actual else False


def _same_day(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool | None:
    if any(x and y and x != y for x, y in zip(a, b, strict=True)):
        return False
    return True if a == b else None
