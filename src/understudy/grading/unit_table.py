"""The known units: what each measures, its size in the base unit, and its names.

In: nothing. Out: ``KNOWN``. Not here: how units are written together (``units``).
"""

from __future__ import annotations

from fractions import Fraction

_TABLE = """
m 1: m meter meters metre metres
m 1000: km kms kilometer kilometers kilometre kilometres
m 0.01: cm cms centimeter centimeters centimetre centimetres
m 0.001: mm millimeter millimeters millimetre millimetres
m 1e-6: μm micrometer micrometers micron microns
m 1e-9: nm nanometer nanometers nanometre nanometres
m 0.0254: in inch inches
m 0.3048: ft foot feet
m 0.9144: yd yds yard yards
m 1609.344: mi mile miles
g 1: g gram grams gramme grammes
g 1000: kg kgs kilogram kilograms kilo kilos
g 0.001: mg milligram milligrams
g 1e-6: μg microgram micrograms
g 453.59237: lb lbs pound pounds
g 28.349523125: oz ounce ounces
g 1000000: tonne tonnes
s 1: s sec secs second seconds
s 0.001: ms millisecond milliseconds
s 60: min mins minute minutes
s 3600: h hr hrs hour hours
s 86400: day days
s 604800: week weeks
month 1: month months
month 12: year years yr yrs
month 120: decade decades
month 1200: century centuries
Celsius 1: °C
Fahrenheit 1: °F
K 1: K °K kelvin kelvins
L 1: L l liter liters litre litres
L 0.001: mL ml milliliter milliliters millilitre millilitres
L 3.785411784: gal gallon gallons
L 0.946352946: qt quart quarts
L 0.473176473: pt pint pints
N 1: N newton newtons
N 1000: kN kilonewton kilonewtons
J 1: J joule joules
J 1000: kJ kilojoule kilojoules
W 1: W watt watts
W 1000: kW kilowatt kilowatts
W 1000000: MW megawatt megawatts
V 1: V volt volts
A 1: A amp amps ampere amperes
Ω 1: Ω ohm ohms
Pa 1: Pa pascal pascals
Pa 1000: kPa
mol 1: mol mole moles
Hz 1: Hz hertz
Hz 1000: kHz
Hz 1000000: MHz
Hz 1000000000: GHz
bit 1: bit bits
bit 8: byte bytes B
bit 8000: kB KB
bit 8000000: MB
bit 8000000000: GB
USD 1: USD dollar dollars
USD 0.01: cent cents
EUR 1: EUR euro euros
GBP 1: GBP pound pounds quid
GBP 0.01: pence
JPY 1: JPY yen
INR 1: INR rupee rupees Rs
CNY 1: CNY yuan RMB
KRW 1: KRW won
RUB 1: RUB ruble rubles rouble roubles
ILS 1: ILS shekel shekels
TRY 1: TRY lira
THB 1: THB baht
CHF 1: CHF
CAD 1: CAD
AUD 1: AUD
"""
"""Base unit, size: names. ``pounds`` are mass or money."""


def _read() -> dict[str, tuple[tuple[str, Fraction], ...]]:
    known: dict[str, tuple[tuple[str, Fraction], ...]] = {}
    for line in _TABLE.strip().splitlines():
        unit, _, names = line.partition(":")
        base, size = unit.split()
        for name in names.split():
            known[name] = (*known.get(name, ()), (base, Fraction(size)))
    return known


KNOWN = _read()
"""What a name may measure, and its size in the base unit."""
