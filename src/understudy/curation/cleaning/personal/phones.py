"""Phone numbers. In: a text. Out: spans.

Four forms count: international with ``+`` or ``00``; North American in groups of 3, 3 and 4; national with a leading
zero in groups; and bare digits after a word such as *phone* or *call*. Dates, versions, IP addresses and numbers that
are called an order, an invoice or the like are not phone numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.curation.cleaning.personal.detectors import Span
from understudy.registry import PartConfig

_GAP = r"[ .\-/\u00a0\u2011]"
_END = r"(?![\w]|[.,:/-]\d)"
_ALONE = r"(?<!\d[ \u00a0])"
"""Not a later group of a longer number."""
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])(?:\+|{_ALONE}00(?=[1-9]\d{{0,2}}{_GAP}))[1-9](?:{_GAP}{{0,2}}\(?\d\)?){{6,14}}{_END}"
)
_NORTH_AMERICAN = re.compile(
    rf"(?<![\w+.,#/-])(?:1{_GAP})?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d(?(1)\1|[ .-])\d{{4}}{_END}"
)
_NATIONAL = re.compile(
    rf"(?<![\w+.,:#/-]){_ALONE}(?:\(0\d{{1,5}}\) ?|0[1-9]\d{{0,4}}{_GAP})\d(?:{_GAP}?\d){{4,9}}{_END}"
)
_BARE = re.compile(
    r"(?i)\b(?:(?:tele)?phone|tel|mobile|cell|whats ?app|sms|fax|handy|telefon|rufnummer|call|dial)"
    rf"\b(?:[ _-]?(?:number|nummer|no|nr))?[^\w\n]{{0,6}}(?:\w{{1,6}}[^\w\n]{{1,4}}){{0,3}}"
    rf"(?P<number>\+?\(?\d(?:{_GAP}?\(?\d\)?){{6,14}}){_END}"
)
_OTHER_NUMBER = re.compile(
    r"(?i)(?:order|invoice|ticket|case|ref(?:erence)?|tracking|parcel|shipment|item|sku|serial|article|customer|account"
    r"|isbn|id|version|bestell\w*|rechnung\w*|auftrag\w*|kunden\w*|sendung\w*|part|model|build|batch)"
    r"(?:[ _-]?(?:number|nummer|no|nr|id|code))?\.?[\"']?[\s:=#]*(?:is|ist)?[\s:=#\"']*\Z"
)
_DATE = re.compile(r"\d{1,2}[./ -]\d{1,2}[./ -]\d{2,4}|\d{4}[./ -]\d{1,2}[./ -]\d{1,2}")
_BEFORE = 32
_DIGIT = re.compile(r"\d")
_FEWEST_DIGITS = 7


class PhoneDetector:
    """Finds phone numbers."""

    name = "phone"

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def find(self, text: str) -> Iterator[Span]:
        """Where the text holds phone numbers."""
        if len(_DIGIT.findall(text)) < _FEWEST_DIGITS:
            return
        for match in _INTERNATIONAL.finditer(text):
            yield from _phone(text, *match.span(), fewest=8)
        for pattern in (_NORTH_AMERICAN, _NATIONAL):
            for match in pattern.finditer(text):
                if not _OTHER_NUMBER.search(text, max(0, match.start() - _BEFORE), match.start()):
                    yield from _phone(text, *match.span(), fewest=9)
        for match in _BARE.finditer(text):
            if not _OTHER_NUMBER.search(text, max(0, match.start("number") - _BEFORE), match.start("number")):
                yield from _phone(text, *match.span("number"), fewest=_FEWEST_DIGITS)


def _phone(text: str, start: int, end: int, fewest: int) -> Iterator[Span]:
    found = text[start:end]
    n_digits = sum(char.isdigit() for char in found)
    if fewest <= n_digits <= 15 and not _DATE.fullmatch(found) and len({*found} & {*"0123456789"}) > 1:
        yield Span(start, end)
