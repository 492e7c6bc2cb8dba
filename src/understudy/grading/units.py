r"""The unit after a number: its dimension, and its size in base units.

In: a tidy text such as ``15 \text{ cm}^2``, ``5 km/h``, ``3.50 USD``, ``1 hour 30 minutes``. Out: the text before the
unit, and a ``Unit`` if all of its words are known. Not here: the number's value, temperatures in other scales.

A unit that one side lacks, or that is unknown (``42 apples``), is not compared, as in the paper's protocol, which
deletes units. Two known units are compared: 5 km are 5000 m, not 5 m.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from understudy.grading.unit_table import KNOWN, Dimension
from understudy.grading.words import is_word

_TEXT = r"\\(?:text|mbox|textrm|textbf|textit|textnormal|hbox)\s*\{[^{}]*\}"
_POWER = r"\s*\^\s*\{?\s*-?\d\s*\}?"
_WORD = r"(?!sqrt|sin|cos|tan|pi\b|log|ln|exp)[A-Za-zμΩ]{2,}\.?"
_JOINED = rf"(?:\s+[A-Za-zμΩ]+\.?|{_POWER}|\s*[/*]\s*(?:{_TEXT}|[A-Za-zμΩ°]+\.?)|\s*{_TEXT})*"
TRAILING_UNIT = re.compile(
    rf"(?<=[\d)}}π!%])\s*(?P<unit>(?:{_TEXT}|°\s?[CFK]\b|(?<=\s)[mgshLNJWVKCFAΩ](?![A-Za-z(])|{_WORD})"
    rf"{_JOINED})[\s.]*$"
)
_FRACTION_OF_TEXTS = re.compile(rf"\\frac\s*\{{\s*({_TEXT}(?:{_POWER})?)\s*\}}\s*\{{\s*({_TEXT}(?:{_POWER})?)\s*\}}")
_UNIT = r"\{\s*((?:[A-Za-zμ]+\.?\s*)(?:\^\s*\{?\d\}?)?)\s*\}"
_FRACTION_OF_UNITS = re.compile(rf"(?<=[\d)}}])\s*\\frac\s*{_UNIT}\s*{_UNIT}\s*$")
_FEET = re.compile(r"(\d+)\s*'\s*(\d+(?:\.\d+)?)\s*(?:\"|'')")
_MINUTES = re.compile(r"(\d+)\s*h(?:rs?)?\.?\s*(\d+)\s*m(?![A-Za-z])\.?", re.IGNORECASE)
_CLOCK_OF = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?\s*(h(?:ou)?rs?|h|min(?:ute)?s?)\b\.?", re.IGNORECASE)
_TOKEN = re.compile(r"°\s?[CFK]|[A-Za-zμΩ]+\.?|\^\s*\{?\s*(-?\d)\s*\}?|[/*]")
_PART = re.compile(rf"\s*(?:,|and)?\s*(\d+(?:\.\d+)?)\s*((?:{_TEXT}|[A-Za-z]+\.?)\s*)")

MAX_SUM_CHARS = 100
"""Of a quantity in several units."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A known unit: its powers of base units, and its size in them."""

    dimension: Dimension
    size: Fraction

    @property
    def is_ratio(self) -> bool:
        """Whether the unit is a plain number, as ppm are."""
        return self.dimension == (("ratio", 1),)


_ABBREVIATED = {"mph": "mi/h", "kph": "km/h", "kmh": "km/h", "sqft": "ft^2", "cc": "cm^3", "mps": "m/s", "kwh": "kWh"}
_COUNTRIES = {"us": "USD", "swiss": "CHF", "canadian": "CAD", "australian": "AUD", "hong kong": "HKD",
              "new zealand": "NZD", "singapore": "SGD", "mexican": "MXN", "polish": "PLN", "indian": "INR",
              "british": "GBP", "swedish": "SEK", "norwegian": "NOK", "danish": "DKK", "brazilian": "BRL"}  # fmt: skip
_MONEY = re.compile(
    rf"\b({'|'.join(_COUNTRIES)})\s+(?:dollars?|francs?|pesos?|rupees?|pounds?|kron(?:a|or|e|er)|reais|zlotys?)\b",
    re.IGNORECASE,
)
_TWO_WORDS = tuple(
    (re.compile(rf"(?<=[\d\s}}{{]){words}\b", re.IGNORECASE), name)
    for words, name in (
        (r"light[ -]?years?", "lightyear"),
        (r"electron[ -]volts?", "electronvolt"),
        (r"nautical[ -]miles?", "nmi"),
        (r"fl(?:uid|\.)?\s*(?:ounces?|oz)", "floz"),
        (r"metric\s+tons?", "tonne"),
        (r"basis[ -]points?", "bps"),
        (r"parts\s+per\s+million", "ppm"),
        (r"parts\s+per\s+billion", "ppb"),
    )
)
_GREEK = (
    (re.compile(r"(?<=[\d)}\s])\\mu\s?(?=[msgAFLHVWCN]\b)"), "μ"),
    (re.compile(r"(?<=[\d\sa-zA-Z])\\Omega\s*$"), "Ω"),
    (re.compile(r"(?<=\d)\s+\\psi\s*$"), " psi"),
)
"""Letters of units that were read as variables."""
_EXPONENT = re.compile(r"(?<=\d)[eE](?=[-+]?\d)")
_ATTACHED = frozenset("km cm mm nm mg kg ms ml in ft mi lb oz yd qt pt hr yr".split())
"""Units of two small letters that may follow the number without a blank; ``12kl`` is a product of variables."""
_ABBREVIATIONS = frozenset("bpm ct cts db dpi fps kva nos pcs pgs pkts ppl pts qtr qtrs rps st nd rd th".split())
"""Abbreviations of unknown units that are not words."""
_FILLERS = frozenset(
    {"of", "the", "a", "an", "long", "tall", "old", "wide", "high", "deep", "away", "ago", "each", "total"}
)


def split_unit(text: str) -> tuple[str, tuple[Unit, ...]]:
    """The text before its unit, and the possible meanings of the unit: empty if there is none or it is unknown."""
    text = _in_one_word(_FRACTION_OF_TEXTS.sub(r"\1/\2", text))
    if (summed := _sum_of_parts(text)) is not None:
        return summed
    match = TRAILING_UNIT.search(text)
    if match is None:
        return text, ()
    number = text[: match.start()].strip()
    if _is_product(match["unit"], number, is_apart=match.start("unit") > len(number)):
        return text, ()
    units = read_unit(match["unit"])
    return (number, units) if units or _is_in_words(match["unit"]) else (text, ())


def _is_product(unit: str, number: str, *, is_apart: bool) -> bool:
    """Whether the letters are variables, as in ``c^2 m`` and ``12kl^2``."""
    if len(unit) == 1:
        return re.search(r"(?<![\\A-Za-z])[A-Za-z](?![A-Za-z])", _EXPONENT.sub("", number)) is not None
    letters = re.match(r"[a-z]{2}(?![A-Za-z])", unit)
    return letters is not None and not is_apart and letters[0] in KNOWN and letters[0] not in _ATTACHED


def _in_one_word(text: str) -> str:
    """``light-years`` and ``Swiss francs`` by the names in the table."""
    if len(text) > MAX_SUM_CHARS:
        return text
    text = text.replace("watt-hour", "watt hour")
    for words, name in (*_GREEK, *_TWO_WORDS):
        text = words.sub(name, text)
    return _MONEY.sub(lambda match: _COUNTRIES[" ".join(match[1].lower().split())], text)


def _is_in_words(unit: str) -> bool:
    """Whether an unknown unit is written in words, such as ``apples``; ``2xy`` and ``5 ab^2`` are formulas."""
    runs = re.findall(r"[A-Za-zμΩ]+", re.sub(_TEXT, "", unit))
    return all(is_word(run) or run in KNOWN or run.lower() in _ABBREVIATIONS | _FILLERS for run in runs)


def _sum_of_parts(text: str) -> tuple[str, tuple[Unit, ...]] | None:
    """``1 hour 30 minutes`` in the base unit; None if the text is not several quantities of one kind."""
    parts = _quantities(text)
    if len(parts) < 2 or len({unit.dimension for _, unit in parts}) != 1:
        return None
    total = sum((number * unit.size for number, unit in parts), Fraction(0))
    return f"{total.numerator}/{total.denominator}", (Unit(parts[0][1].dimension, Fraction(1)),)


def _quantities(text: str) -> list[tuple[Fraction, Unit]]:
    """``5 ft 6 in`` as numbers with their units; empty if the text is anything else."""
    text = _MINUTES.sub(r"\1 h \2 min", _FEET.sub(r"\1 ft \2 in", text)) if len(text) <= MAX_SUM_CHARS else ""
    text = _CLOCK_OF.sub(_in_parts, text)
    parts = list(_PART.finditer(text))
    units = [read_unit(part[2]) for part in parts]
    if not all(units) or "".join(part[0] for part in parts).strip() != text.strip():
        return []
    return [(Fraction(part[1]), unit[0]) for part, unit in zip(parts, units, strict=True)]


def _in_parts(clock: re.Match[str]) -> str:
    """``3:30 hours`` as ``3 h 30 min``, ``1:30 minutes`` as ``1 min 30 s``."""
    units = ("h", "min", "s") if clock[4][0].lower() == "h" or clock[3] else ("min", "s", "s")
    return " ".join(f"{number} {unit}" for number, unit in zip(clock.groups()[:3], units, strict=True) if number)


def is_sum(text: str) -> bool:
    """Whether ``1 hour, 30 minutes`` is one quantity: the units of one kind become smaller; ``2 h, 3 h`` are two."""
    if "," not in text:
        return False
    sizes = [(unit.dimension, unit.size) for _, unit in _quantities(text)]
    return len(sizes) > 1 and all(a[0] == b[0] and a[1] > b[1] for a, b in pairwise(sizes))


def same_duration(clock: str, quantity: str) -> bool | None:
    """Whether ``1:45:30`` is 1 hour 45 minutes 30 seconds. ``1:30`` may be 90 minutes or 90 seconds: then None."""
    match = re.fullmatch(r"\s*(\d{1,3}):([0-5]\d)(?::([0-5]\d))?\s*", clock)
    text, units = split_unit(quantity) if match else ("", ())
    number = re.fullmatch(r"\d+(?:[./]\d+)?", text.strip())
    if match is None or number is None:
        return False
    durations = [unit.size * Fraction(number[0]) for unit in units if unit.dimension == (("s", 1),)]
    minor = 60 * int(match[1]) + int(match[2])
    if match[3]:
        return Fraction(60 * minor + int(match[3])) in durations
    return None if {*durations} & {Fraction(minor), Fraction(60 * minor)} else False


def with_fraction_of_units(text: str) -> str:
    r"""``10 \frac{m}{s}`` as ``10 m/s``; letters that are not units stay a fraction."""
    match = _FRACTION_OF_UNITS.search(text)
    unit = f"{match[1]}/{match[2]}" if match else ""
    return f"{text[: match.start()]} {unit}" if match and read_unit(unit) else text


def read_unit(text: str) -> tuple[Unit, ...]:
    """Possible meanings of a unit's text; empty if one of its words is unknown."""
    words = re.sub(r"\\[A-Za-z]+\s*\{([^{}]*)\}", r" \1 ", text)
    words = re.sub(r"\bms(?=\s*\^\s*\{?\s*-)", "m s", words)  # metres per second, not milliseconds
    tokens = [match[0].rstrip(".") if match[1] is None else f"^{match[1]}" for match in _TOKEN.finditer(words)]
    tokens = [part for token in tokens for part in _parts_of(_ABBREVIATED.get(token.lower(), token))]
    found = [Unit((), Fraction(1))]
    sign, power_ahead = 1, 1
    for index, token in enumerate(tokens):
        if token in ("/", "per"):
            sign = -1
        elif token.lower() in ("square", "sq", "cubic", "cu"):
            power_ahead = 2 if token[0].lower() == "s" else 3
        elif token == "*" or token in _FILLERS or token[0] == "^" or token in ("squared", "cubed"):
            continue
        else:
            bases = KNOWN.get(token) or KNOWN.get(token.lower()) or KNOWN.get(token.rstrip("."))
            if bases is None:
                return ()
            power = sign * power_ahead * _power_after(tokens, index)
            found = [_times(unit, dimension, size, power) for unit in found for dimension, size in bases]
            power_ahead = 1
    return tuple(unit for unit in found if unit.dimension)


def _parts_of(token: str) -> list[str]:
    is_written_out = len(token) > 1 and token[0] != "^" and re.search(r"[/^]", token)
    return [m[0] if m[1] is None else f"^{m[1]}" for m in _TOKEN.finditer(token)] if is_written_out else [token]


def _power_after(tokens: list[str], index: int) -> int:
    following = tokens[index + 1] if index + 1 < len(tokens) else ""
    if following.startswith("^"):
        return int(following[1:])
    return {"squared": 2, "cubed": 3}.get(following, 1)


def _times(unit: Unit, dimension: Dimension, size: Fraction, power: int) -> Unit:
    powers = Counter(dict(unit.dimension))
    for base, exponent in dimension:
        powers[base] += exponent * power
    return Unit(tuple(sorted((b, p) for b, p in powers.items() if p)), unit.size * size**power)
