"""The known units: what each measures, its size in base units, and its names.

In: nothing. Out: ``KNOWN``, ``CURRENCY_CODES``. Not here: how units are written together (``units``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

Dimension = tuple[tuple[str, int], ...]
"""Base units and their powers, in alphabetical order."""

_PREFIXED = """
m 1: m meter metre
g 1: g gram gramme
s 1: s sec second
A 1: A amp ampere
K 1: K kelvin
mol 1: mol mole
m3 0.001: L l liter litre
s-1 1: Hz hertz
g.m.s-2 1000: N newton
g.m2.s-2 1000: J joule
g.m2.s-2 3600000: Wh
g.m2.s-2 4184: cal calorie
g.m2.s-2 1.602176634e-16: eV electronvolt
g.m2.s-3 1000: W watt
g.m-1.s-2 1000: Pa pascal
g.m-1.s-2 100000000: bar
g.m2.s-3.A-1 1000: V volt
g.m2.s-3.A-2 1000: Ω ohm
g-1.m-2.s4.A2 0.001: F farad
A.s 1: C coulomb
g.s-2.A-1 1000: T tesla
g.m2.s-2.A-2 1000: H henry
bit 1: b bit
bit 8: B byte
"""
"""They come with the prefixes of the SI."""
_SYMBOLS = {"n": "1e-9", "μ": "1e-6", "u": "1e-6", "m": "1e-3", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12"}
_NAMES = {"nano": "1e-9", "micro": "1e-6", "milli": "1e-3", "kilo": "1e3", "mega": "1e6", "giga": "1e9", "tera": "1e12"}
_COMMON_SYMBOLS = {"c": "1e-2", "d": "1e-1", "h": "1e2", "da": "1e1"}
_COMMON_NAMES = {"centi": "1e-2", "deci": "1e-1", "hecto": "1e2", "deca": "1e1"}
_COMMON = frozenset({"m", "g", "L", "l", "meter", "metre", "gram", "gramme", "liter", "litre"})
"""They take ``c`` and ``d`` too."""

_TABLE = """
m 1e-6: micron
m 0.01: cms
m 1000: kms
m 0.0254: in inch inches
m 0.3048: ft foot feet
m 0.9144: yd yds yard
m 1609.344: mi mile
m 1852: nmi
m 9460730472580800: lightyear ly
m2 10000: ha hectare
m2 4046.8564224: acre
m3 0.003785411784: gal gallon
m3 0.000946352946: qt quart
m3 0.000473176473: pt pint
m3 0.0002365882365: cup
m3 0.0000295735295625: floz
m3 0.00001478676478125: tbsp tablespoon
m3 0.00000492892159375: tsp teaspoon
m.s-1 0.5144444444: knot
g 1000: kgs kilo
g 453.59237: lb lbs pound
g 28.349523125: oz ounce
g 6350.29318: stone
g 1000000: tonne ton
g 907184.74: ton
s 60: min mins minute
s 3600: h hr hrs hour
s 86400: day
s 604800: week
s 1209600: fortnight
s-1 1/60: rpm
month 1: month
month 12: year yr yrs
month 120: decade
month 1200: century centuries
Celsius 1: °C
Fahrenheit 1: °F
K 1: °K
g.m2.s-2 1000: Nm
g.m2.s-2 1055055.85: BTU
g.m2.s-3 745699.872: hp horsepower
g.m-1.s-2 6894757.293: psi
g.m-1.s-2 100000: hPa
g.m-1.s-2 101325000: atm atmosphere
g.m-1.s-2 133322.387415: mmHg torr
bit 8000: KB
bit 8192: KiB
bit 8388608: MiB
bit 8589934592: GiB
bit.s-1 1: bps
ratio 1e-4: bps
ratio 1e-6: ppm
ratio 1e-9: ppb
USD 1: USD dollar
USD 0.05: nickel
USD 0.1: dime
USD 0.01: cent penny pennies
EUR 1: EUR euro
EUR 0.01: cent
GBP 1: GBP pound quid
GBP 0.01: pence penny pennies
JPY 1: JPY yen
INR 1: INR rupee Rs
CNY 1: CNY yuan RMB renminbi
KRW 1: KRW won
RUB 1: RUB ruble rouble
ILS 1: ILS shekel
TRY 1: TRY lira
THB 1: THB baht
CHF 1: CHF franc
CAD 1: CAD
AUD 1: AUD
NZD 1: NZD
HKD 1: HKD
SGD 1: SGD
TWD 1: TWD
MXN 1: MXN peso
ARS 1: ARS peso
CLP 1: CLP peso
COP 1: COP peso
PHP 1: PHP peso
BRL 1: BRL reais
SEK 1: SEK kr krona kronor
NOK 1: NOK kr krone kroner
DKK 1: DKK kr krone kroner
PLN 1: PLN zloty
CZK 1: CZK
HUF 1: HUF forint
ZAR 1: ZAR rand
NGN 1: NGN naira
IDR 1: IDR rupiah
MYR 1: MYR ringgit
VND 1: VND
SAR 1: SAR
AED 1: AED dirham
BTC 1: BTC bitcoin
ETH 1: ETH
"""
"""Dimension, size: names. A name may mean several things: ``pounds`` are mass or money, ``pesos`` of many countries."""

CURRENCY_CODES = tuple(sorted(set(re.findall(r"^([A-Z]{3}) ", _TABLE, re.MULTILINE))))


def _rows(table: str) -> Iterator[tuple[Dimension, Fraction, str]]:
    for line in table.strip().splitlines():
        unit, _, names = line.partition(":")
        measured, size = unit.split()
        powers = [re.fullmatch(r"([A-Za-z]+)(-?\d+)?", part) for part in measured.split(".")]
        dimension = tuple(sorted((match[1], int(match[2] or 1)) for match in powers if match))
        for name in names.split():
            yield dimension, Fraction(size), name


def _prefixed() -> Iterator[tuple[Dimension, Fraction, str]]:
    for dimension, size, name in _rows(_PREFIXED):
        is_symbol = len(name) < 3 or name in ("mol", "cal", "bar")
        prefixes = _SYMBOLS if is_symbol else _NAMES
        if name in _COMMON:
            prefixes = prefixes | (_COMMON_SYMBOLS if is_symbol else _COMMON_NAMES)
        yield dimension, size, name
        for prefix, factor in prefixes.items():
            is_product = prefix == "u" and name in ("m", "g", "s", "l", "b")
            if not is_product and (dimension != (("bit", 1),) or Fraction(factor) > 1):
                yield dimension, size * Fraction(factor), prefix + name
    yield (("A", 2), ("g", -1), ("m", -2), ("s", 4)), Fraction("1e-15"), "pF"


def _read() -> dict[str, tuple[tuple[Dimension, Fraction], ...]]:
    known: dict[str, tuple[tuple[Dimension, Fraction], ...]] = {}
    for dimension, size, name in chain(_rows(_TABLE), _prefixed()):
        plural = () if len(name) < 3 or name.endswith(("s", "z")) else (f"{name}s",)
        for written in (name, *plural):
            if (dimension, size) not in known.get(written, ()):
                known[written] = (*known.get(written, ()), (dimension, size))
    return known


KNOWN = _read()
"""What a name may measure, and its size in the base units."""
