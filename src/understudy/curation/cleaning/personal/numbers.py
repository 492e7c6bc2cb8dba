"""Numbers with a check digit: payment cards (Luhn, ISO/IEC 7812) and IBANs (ISO 13616, ISO 7064 mod 97-10).

In: a text. Out: spans. A number of another length or issuer, or with a wrong check digit, is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.curation.cleaning.personal.detectors import Span
from understudy.registry import PartConfig

_DIGIT_GROUPS = re.compile(r"(?<![\w.,/-])\d(?:[ -]?\d){12,18}(?![\w/]|[-.,]\d)")
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|095|[689]\d)\d{11}|3(?:0[0-5]|[689]\d)\d{13}"  # Diners Club
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}(?:\d{3})?"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO FK GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}


class CardDetector:
    """Finds numbers of payment cards."""

    name = "card"

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def find(self, text: str) -> Iterator[Span]:
        """Where the text holds card numbers."""
        for match in _DIGIT_GROUPS.finditer(text):
            digits = re.sub(r"\D", "", match[0])
            if _CARDS.fullmatch(digits) and has_luhn(digits):
                yield Span(*match.span())


class IbanDetector:
    """Finds IBANs."""

    name = "iban"

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def find(self, text: str) -> Iterator[Span]:
        """Where the text holds IBANs. Words that follow one are not part of it: the country says how long it is."""
        place = 0
        while (match := _IBAN.search(text, place)) is not None:
            span = _iban(match)
            place = match.start() + 2 if span is None else span.end
            if span is not None:
                yield span


def _iban(match: re.Match[str]) -> Span | None:
    """The IBAN with which a match begins."""
    length = _IBAN_LENGTHS.get(match[0][:2].upper(), 0)
    places = [place for place, char in enumerate(match[0]) if char.isalnum()][:length]
    if not length or len(places) < length:
        return None
    end = match.start() + places[-1] + 1
    goes_on = match.string[end : end + 1].isalnum()
    is_right = has_iban_checksum("".join(match[0][place] for place in places))
    return None if goes_on or not is_right else Span(match.start(), end)


def has_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


def has_iban_checksum(iban: str) -> bool:
    """Whether the rearranged number is 1 modulo 97."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1
