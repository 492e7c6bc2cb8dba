"""Numbers of answers, and bounded arithmetic with them.

In: number tokens, values. Out: a ``Value``: an exact fraction if there is one, else a complex number of 50 digits
with a bound on its error. Not here: formulas (``closed_form``).

The error bound distinguishes ``e^{-40}`` from 0 and ``\\sqrt{2}\\sqrt{2} - 2`` from 1e-20. Every operation is quick:
powers, roots and factorials beyond bounds raise ``TooLargeError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mpmath import MPContext

MAX_POWER_BITS = 200_000
MAX_FACTORIAL = 2_000
MAX_EXPONENT = 1_000_000
"""Of ``e^x``: beyond it the result has too many digits before or after the point."""

MP = MPContext()
"""Numbers of 50 digits. Only plain operations and elementary functions are used, which are safe from many threads."""
MP.dps = 50
_EPSILON = MP.mpf(10) ** -48

Number = Any
"""An ``mpf`` or ``mpc`` of mpmath, which has no types."""


class NotClosedError(Exception):
    """Not a closed form that this module reads: it may contain variables, or not be a formula at all."""


class TooLargeError(NotClosedError):
    """A number beyond all bounds, such as ``9^9^9``."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number."""

    exact: Fraction | None
    approximate: Number
    is_decimal: bool
    """It was computed from a decimal point or an exponent, so the writer may have rounded."""
    is_plain: bool = False
    """Written as one number, ``-12`` or ``0.5``, not as a formula."""
    error: Number = 0
    """Bound on the error of the approximate value."""

    @staticmethod
    def of(exact: Fraction, *, is_decimal: bool = False, is_plain: bool = False) -> Value:
        """A value that is known exactly."""
        approximate = MP.mpf(exact.numerator) / exact.denominator
        return Value(exact, approximate, is_decimal, is_plain, abs(approximate) * _EPSILON)

    @staticmethod
    def near(approximate: Number, error: Number = 0, *, is_decimal: bool = False) -> Value:
        """A value that is known to 50 digits, apart from the errors of its operands."""
        if not MP.isfinite(approximate):
            raise TooLargeError("not finite")
        return Value(None, approximate, is_decimal, error=error + abs(approximate) * _EPSILON)


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
    return Value.near(a.approximate + sign * b.approximate, a.error + b.error, is_decimal=is_decimal)


def multiply(a: Value, b: Value) -> Value:
    """``a * b``."""
    is_decimal = a.is_decimal or b.is_decimal
    if a.exact is not None and b.exact is not None:
        return Value.of(a.exact * b.exact, is_decimal=is_decimal)
    error = abs(a.approximate) * b.error + abs(b.approximate) * a.error
    return Value.near(a.approximate * b.approximate, error, is_decimal=is_decimal)


def divide(a: Value, b: Value) -> Value:
    """``a / b``. Raises ``ZeroDivisionError``."""
    is_decimal = a.is_decimal or b.is_decimal
    if a.exact is not None and b.exact is not None:
        return Value.of(a.exact / b.exact, is_decimal=is_decimal)
    below = abs(b.approximate)
    if below <= b.error:
        raise ZeroDivisionError("the divisor may be zero")
    error = (abs(a.approximate) * b.error / below + a.error) / below
    return Value.near(a.approximate / b.approximate, error, is_decimal=is_decimal)


def applied(function: Callable[[Number], Number], value: Value) -> Value:
    """The function's value; its error is the change of the value when the argument changes by its own error."""
    found = function(value.approximate)
    step = value.error * 2 + _EPSILON * abs(value.approximate)
    error = sum(abs(function(value.approximate + sign * step) - found) for sign in (1, -1)) if step else 0
    return Value.near(found, error, is_decimal=value.is_decimal)


def exponential(value: Value) -> Value:
    """``e ^ value``, in bounds."""
    if abs(value.approximate) > MAX_EXPONENT:
        raise TooLargeError("an exponential beyond all bounds")
    return applied(MP.exp, value)


def power(base: Value, exponent: Value) -> Value:
    """``base ^ exponent``, exactly if it has a bounded exact value. Raises ``TooLargeError``."""
    is_decimal = base.is_decimal or exponent.is_decimal
    if base.exact is not None and exponent.exact is not None:
        if exponent.exact.denominator == 1:
            return Value.of(_whole_power(base.exact, exponent.exact.numerator), is_decimal=is_decimal)
        if exponent.exact.denominator <= 12 and base.exact > 0:
            raised = _whole_power(base.exact, exponent.exact.numerator)
            return root_of(Value.of(raised, is_decimal=is_decimal), exponent.exact.denominator)
    if abs(base.approximate) <= base.error:
        if exponent.exact is None or exponent.exact <= 0:
            raise ZeroDivisionError("a power of what may be zero")
        return Value.near(MP.mpf(0), base.error, is_decimal=is_decimal)
    if exponent.exact is not None and exponent.exact.denominator == 1 and abs(exponent.exact) <= 1_000:
        return applied(lambda x: x ** int(exponent.exact or 0), base)
    found = exponential(multiply(exponent, applied(MP.ln, base)))
    return Value(None, found.approximate, is_decimal, error=found.error)


def _whole_power(base: Fraction, exponent: int) -> Fraction:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits > 1 and abs(exponent) * bits > MAX_POWER_BITS:
        raise TooLargeError("a power beyond all bounds")
    if bits <= 1 and abs(exponent) > 2:
        # Powers of -1, 0 and 1 are periodic, however large the exponent is.
        exponent = (1 if exponent > 0 else -1) * (2 - exponent % 2)
    return Fraction(base**exponent)


def root_of(value: Value, degree: int) -> Value:
    """The real root if there is one, else the principal one."""
    if not 2 <= degree <= 100:
        raise NotClosedError(f"root of degree {degree}")
    if value.exact is not None and value.exact >= 0:
        above, below = _whole_root(value.exact.numerator, degree), _whole_root(value.exact.denominator, degree)
        if above is not None and below is not None:
            return Value.of(Fraction(above, below), is_decimal=value.is_decimal)
    if value.exact is not None and value.exact < 0 and degree % 2:
        return multiply(Value.of(Fraction(-1)), root_of(Value.of(-value.exact, is_decimal=value.is_decimal), degree))
    if degree == 2:
        return applied(MP.sqrt, value)
    return applied(lambda x: x ** (MP.mpf(1) / degree), value)


def _whole_root(whole: int, degree: int) -> int | None:
    if whole.bit_length() > 1000:
        return None
    guess = math.isqrt(whole) if degree == 2 else round(whole ** (1 / degree)) if whole.bit_length() < 1000 else 0
    return next((g for g in (guess - 1, guess, guess + 1) if g >= 0 and g**degree == whole), None)


def whole(value: Value) -> int:
    """The value as a whole number. Raises ``NotClosedError`` if it is not one."""
    if value.exact is None or value.exact.denominator != 1:
        raise NotClosedError("expected a whole number")
    return int(value.exact)


def factorial(value: Value) -> int:
    """The factorial of a whole number. Raises ``TooLargeError`` beyond ``MAX_FACTORIAL``."""
    n = whole(value)
    if not 0 <= n <= MAX_FACTORIAL:
        raise TooLargeError("a factorial beyond all bounds")
    return math.factorial(n)
