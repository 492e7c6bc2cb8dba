"""Numbers as they are written in answers, and bounded arithmetic with them.

In: number tokens, values. Out: a ``Value``: an exact fraction where there is one, else a complex number in double
precision. Not here: formulas (``closed_form``).

Nothing here takes long, whatever it is asked: powers, roots and factorials beyond bounds raise ``TooLargeError``.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from fractions import Fraction

MAX_POWER_BITS = 200_000
MAX_FACTORIAL = 2_000


class NotClosedError(Exception):
    """Not a closed form that this module reads: it may hold variables, or be no formula at all."""


class TooLargeError(NotClosedError):
    """A number beyond all bounds, such as ``9^9^9``."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number."""

    exact: Fraction | None
    approximate: complex
    is_decimal: bool
    """A decimal point or an exponent took part: the writer may have rounded."""
    is_plain: bool = False
    """Written as one number, ``-12`` or ``0.5``, not as a formula."""

    @staticmethod
    def of(exact: Fraction, *, is_decimal: bool = False, is_plain: bool = False) -> Value:
        """A value that is known exactly."""
        try:
            return Value(exact, complex(float(exact)), is_decimal, is_plain)
        except OverflowError:
            return Value(exact, complex(math.inf if exact > 0 else -math.inf), is_decimal, is_plain)

    @staticmethod
    def near(approximate: complex, *, is_decimal: bool = False) -> Value:
        """A value that is known to double precision."""
        if not cmath.isfinite(approximate):
            raise TooLargeError("not finite")
        return Value(None, approximate, is_decimal)


def read_number(token: str) -> Value:
    """The value of one number token: ``12``, ``.5``, ``1e-3``."""
    is_decimal = not token.isdigit()
    mantissa, _, exponent = token.lower().partition("e")
    if exponent and abs(int(exponent)) > 400:
        raise TooLargeError(token)
    return Value.of(Fraction(mantissa.rstrip(".") or "0") * Fraction(10) ** int(exponent or 0), is_decimal=is_decimal)


def add(a: Value, b: Value, sign: int) -> Value:
    """``a + b``, or ``a - b`` with sign -1."""
    is_decimal = a.is_decimal or b.is_decimal
    if a.exact is not None and b.exact is not None:
        return Value.of(a.exact + sign * b.exact, is_decimal=is_decimal)
    return Value.near(a.approximate + sign * b.approximate, is_decimal=is_decimal)


def multiply(a: Value, b: Value) -> Value:
    """``a * b``."""
    is_decimal = a.is_decimal or b.is_decimal
    if a.exact is not None and b.exact is not None:
        return Value.of(a.exact * b.exact, is_decimal=is_decimal)
    return Value.near(a.approximate * b.approximate, is_decimal=is_decimal)


def divide(a: Value, b: Value) -> Value:
    """``a / b``. Raises ``ZeroDivisionError``."""
    is_decimal = a.is_decimal or b.is_decimal
    if a.exact is not None and b.exact is not None:
        return Value.of(a.exact / b.exact, is_decimal=is_decimal)
    return Value.near(a.approximate / b.approximate, is_decimal=is_decimal)


def power(base: Value, exponent: Value) -> Value:
    """``base ^ exponent``, exactly where it has a bounded exact value. Raises ``TooLargeError``."""
    is_decimal = base.is_decimal or exponent.is_decimal
    if base.exact is not None and exponent.exact is not None:
        if exponent.exact.denominator == 1:
            return Value.of(_whole_power(base.exact, exponent.exact.numerator), is_decimal=is_decimal)
        if exponent.exact.denominator <= 12 and base.exact > 0:
            raised = _whole_power(base.exact, exponent.exact.numerator)
            return root_of(Value.of(raised, is_decimal=is_decimal), exponent.exact.denominator)
    return Value.near(base.approximate**exponent.approximate, is_decimal=is_decimal)


def _whole_power(base: Fraction, exponent: int) -> Fraction:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits > 1 and abs(exponent) * bits > MAX_POWER_BITS:
        raise TooLargeError("a power beyond all bounds")
    if bits <= 1 and abs(exponent) > 2:
        # Powers of -1, 0 and 1 come round again, however large the exponent is.
        exponent = (1 if exponent > 0 else -1) * (2 - exponent % 2)
    return Fraction(base**exponent)


def root_of(value: Value, degree: int) -> Value:
    """The real root where there is one, else the principal one."""
    if not 2 <= degree <= 100:
        raise NotClosedError(f"root of degree {degree}")
    if value.exact is not None and value.exact >= 0:
        above, below = _whole_root(value.exact.numerator, degree), _whole_root(value.exact.denominator, degree)
        if above is not None and below is not None:
            return Value.of(Fraction(above, below), is_decimal=value.is_decimal)
    if degree == 2:
        return Value.near(cmath.sqrt(value.approximate), is_decimal=value.is_decimal)
    if value.approximate.imag == 0 and value.approximate.real < 0 and degree % 2:
        return Value.near(-((-value.approximate.real) ** (1 / degree)), is_decimal=value.is_decimal)
    return Value.near(value.approximate ** (1 / degree), is_decimal=value.is_decimal)


def _whole_root(whole: int, degree: int) -> int | None:
    if whole.bit_length() > 1000:
        return None
    guess = math.isqrt(whole) if degree == 2 else round(whole ** (1 / degree)) if whole.bit_length() < 1000 else 0
    return next((g for g in (guess - 1, guess, guess + 1) if g >= 0 and g**degree == whole), None)


def whole(value: Value) -> int:
    """The whole number that the value is. Raises ``NotClosedError`` where it is none."""
    if value.exact is None or value.exact.denominator != 1:
        raise NotClosedError("expected a whole number")
    return int(value.exact)


def factorial(value: Value) -> int:
    """The factorial of a whole number. Raises ``TooLargeError`` beyond ``MAX_FACTORIAL``."""
    n = whole(value)
    if not 0 <= n <= MAX_FACTORIAL:
        raise TooLargeError("a factorial beyond all bounds")
    return math.factorial(n)
