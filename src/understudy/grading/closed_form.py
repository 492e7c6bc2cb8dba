r"""The value of a closed form: an exact fraction if it has one, else a complex number in double precision.

In: a tidy text without variables, such as ``\frac{2\sqrt{3}}{5}``, ``137 \frac{1}{2}``, ``2^{2019} - 2020``,
``sqrt(2)/2``, ``6 - 5i``. Out: a ``Value``; ``NotClosedError`` for anything else. Not here: variables, sets, tuples.

A hand-written recursive descent parser, never ``eval``. Length, depth and the size of powers are bounded, so that no
text can make it slow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction

from understudy.grading.values import (
    MAX_FACTORIAL,
    MP,
    NotClosedError,
    Number,
    Value,
    add,
    applied,
    divide,
    exponential,
    factorial,
    multiply,
    power,
    read_number,
    root_of,
    whole,
)

MAX_CHARS = 1_000
MAX_DEPTH = 40

_TOKEN = re.compile(r"\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+(?:[eE][-+]?\d+)?|\\[A-Za-z]+|[A-Za-z]+|\S")
_PLAIN = re.compile(r"\s*([-+]?)\s*(\d+\.?\d*(?:[eE][-+]?\d{1,3})?|\.\d+(?:[eE][-+]?\d{1,3})?)\s*")
_FUNCTIONS: dict[str, Callable[[Number], Number]] = {
    "sin": MP.sin, "cos": MP.cos, "tan": MP.tan, "sinh": MP.sinh, "cosh": MP.cosh, "tanh": MP.tanh,
    "cot": lambda x: 1 / MP.tan(x), "sec": lambda x: 1 / MP.cos(x), "csc": lambda x: 1 / MP.sin(x),
    "arcsin": MP.asin, "arccos": MP.acos, "arctan": MP.atan, "asin": MP.asin, "acos": MP.acos, "atan": MP.atan,
    "ln": MP.ln, "abs": abs, "Abs": abs,
}  # fmt: skip
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_PI, _E, _I = MP.mpf(MP.pi), MP.mpf(MP.e), MP.mpc(0, 1)
_CONSTANTS = {"π": _PI, "pi": _PI, "e": _E, "E": _E, "i": _I, "I": _I, "j": _I}
_STARTS_FACTOR = frozenset({"(", "{", "π", "|"})


_CHOSEN = re.compile(
    r"(?:\{\s*\}\s*)?[_^]?\s*\{?(?<!\d)(\d{1,4})\s*\}?\s*(?:\\?(C|P)|\\?choose)\s*_?\s*\{?\s*(\d{1,4})(?!\d)\s*\}?"
    r"|(?<![A-Za-z\\])(C|P)\s*\(\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\)"
)
"""``5C2``, ``{}_5P_2``, ``{5 \\choose 2}`` and ``C(5, 2)``: choices and arrangements."""


def _counted(match: re.Match[str]) -> str:
    n, k = int(match[1] or match[5]), int(match[3] or match[6])
    arrangements = (match[2] or match[4]) == "P"
    if k > n or n > MAX_FACTORIAL:
        return match[0]
    return f"({math.perm(n, k)})" if arrangements else rf"\binom{{{n}}}{{{k}}}"


class UnclearLogarithmError(NotClosedError):
    r"""``\log`` without a base, and the caller did not give one."""


def closed_form(text: str, log_base: str | None = None, *, degrees: bool = False) -> Value:
    r"""The value of the text. ``log_base``: ``e`` or ``10``, the base of a bare ``\log``.

    ``degrees``: 45° is π/4; otherwise, outside of a sine or cosine, it is 45. Raises ``NotClosedError``.
    """
    if len(text) > MAX_CHARS:
        raise NotClosedError(f"longer than {MAX_CHARS} signs")
    if plain := _PLAIN.fullmatch(text):
        value = read_number(plain[2])
        sign = -1 if plain[1] == "-" else 1
        return Value.of(sign * (value.exact or Fraction(0)), is_decimal=value.is_decimal, is_plain=True)
    if "C" in text or "P" in text or "choose" in text:
        text = _CHOSEN.sub(_counted, text)
    reader = _Reader(_TOKEN.findall(text), log_base, degrees=degrees)
    try:
        value = reader.sum()
    except (ArithmeticError, ValueError) as error:
        raise NotClosedError(str(error)) from error
    if reader.token is not None:
        raise NotClosedError(f"left over: {reader.token!r}")
    return value


class _Reader:
    def __init__(self, tokens: list[str], log_base: str | None, *, degrees: bool) -> None:
        self._tokens = tokens
        self._log_base = log_base
        self._at = 0
        self._depth = 0
        self._in_angle = degrees
        self._in_bars = False

    @property
    def token(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self) -> str:
        token = self.token
        if token is None:
            raise NotClosedError("ends too early")
        self._at += 1
        return token

    def _expect(self, expected: str) -> None:
        if (actual := self._take()) != expected:
            raise NotClosedError(f"expected {expected!r}, got {actual!r}")

    def sum(self) -> Value:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotClosedError("nested too deeply")
        value = self._product()
        while self.token in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value = add(value, self._product(), sign)
        self._depth -= 1
        return value

    def _product(self) -> Value:
        value = self._signed()
        while True:
            if self.token in ("*", "/"):
                divides = self._take() == "/"
                value = divide(value, self._signed()) if divides else multiply(value, self._signed())
            elif self._starts_factor():
                value = multiply(value, self._power())
            else:
                return value

    def _starts_factor(self) -> bool:
        token = self.token
        if token is None or (token == "|" and self._in_bars):
            return False
        return token in _STARTS_FACTOR or token[0] == "\\" or token[0].isalpha()

    def _signed(self) -> Value:
        if self.token in ("+", "-"):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise NotClosedError("nested too deeply")
            negative = self._take() == "-"
            value = self._signed()
            self._depth -= 1
            return multiply(Value.of(Fraction(-1)), value) if negative else value
        return self._power()

    def _power(self) -> Value:
        base = self._postfixed()
        if self.token != "^":
            return base
        self._take()
        return power(base, self._signed())

    def _postfixed(self) -> Value:
        value = self._atom()
        while self.token in ("!", "°", "%"):
            sign = self._take()
            if sign == "!":
                value = Value.of(Fraction(factorial(value)))
            elif sign == "%":
                value = divide(value, Value.of(Fraction(100)))
            elif self._in_angle:
                value = multiply(value, Value.near(_PI / 180))
        return value

    def _atom(self) -> Value:
        token = self._take()
        if token[0].isdigit() or token[0] == ".":
            return self._number(token)
        if token in ("(", "{"):
            value = self.sum()
            self._expect(")" if token == "(" else "}")
            return value
        if token == "|":
            self._in_bars = True
            value = self.sum()
            self._expect("|")
            self._in_bars = False
            return (
                Value.of(abs(value.exact), is_decimal=value.is_decimal)
                if value.exact is not None
                else applied(abs, value)
            )
        return self._named(token.lstrip("\\"), is_command=token[0] == "\\")

    def _number(self, token: str) -> Value:
        value = read_number(token)
        if self.token in ("i", "j", "I") or not token.isdigit():
            return value
        if self.token == "\\frac":
            return add(value, self._fraction(), 1)
        following = self._tokens[self._at : self._at + 3]
        if len(following) == 3 and following[1] == "/" and following[0].isdigit() and following[2].isdigit():
            self._at += 3
            return add(value, Value.of(Fraction(int(following[0]), int(following[2]))), 1)
        return value

    def _fraction(self) -> Value:
        """The fraction of a mixed number: both parts whole and positive."""
        self._take()
        above, below = self._argument(), self._argument()
        parts = (above.exact, below.exact)
        if any(p is None or p <= 0 or p.denominator != 1 for p in parts):
            raise NotClosedError("a number before a fraction that is not a mixed number")
        return divide(above, below)

    def _named(self, name: str, *, is_command: bool) -> Value:
        if name == "frac":
            above = self._argument()
            return divide(above, self._argument())
        if name == "sqrt":
            return self._root()
        if name == "binom":
            return self._binomial()
        if name in _CONSTANTS:
            return Value.near(_CONSTANTS[name])
        if name in _FUNCTIONS or name in ("exp", "factorial", "cbrt"):
            return self._call(name)
        if name == "log":
            return self._logarithm(is_command=is_command)
        raise NotClosedError(f"{name!r} is not a number")

    def _logarithm(self, *, is_command: bool) -> Value:
        r"""``log(x)`` of Python is natural; ``\log x`` may be natural or of base ten, ``\log_2 x`` says its base."""
        base = None
        if self.token == "_":
            self._take()
            base = self._argument()
        elif is_command and self._log_base is None:
            raise UnclearLogarithmError(r"\log without a base")
        elif is_command and self._log_base != "e":
            base = Value.of(Fraction(10))
        value = self._call("ln")
        return value if base is None else divide(value, applied(MP.ln, base))

    def _binomial(self) -> Value:
        n, k = whole(self._argument()), whole(self._argument())
        if not 0 <= k <= n <= MAX_FACTORIAL:
            raise NotClosedError("binomial out of bounds")
        return Value.of(Fraction(math.comb(n, k)))

    def _root(self) -> Value:
        degree = 2
        if self.token == "[":
            self._take()
            degree = whole(self.sum())
            self._expect("]")
        return root_of(self._argument(single_digit=False), degree)

    def _call(self, name: str) -> Value:
        exponent = None
        if self.token == "^":
            self._take()
            exponent = self._argument()
        was_in_angle, self._in_angle = self._in_angle, self._in_angle or name in _TRIGONOMETRIC
        argument = self._power()
        self._in_angle = was_in_angle
        if exponent is not None and exponent.exact == -1:
            raise NotClosedError("an inverse or a reciprocal, which is not clear")
        if name == "factorial":
            return Value.of(Fraction(factorial(argument)))
        if name == "cbrt":
            return root_of(argument, 3)
        value = exponential(argument) if name == "exp" else applied(_FUNCTIONS[name], argument)
        return value if exponent is None else power(value, exponent)

    def _argument(self, *, single_digit: bool = True) -> Value:
        r"""The argument of a command: a group, or the next sign (``\frac12`` is a half, ``\sqrt51`` the root of 51)."""
        token = self._take()
        if token in ("{", "("):
            value = self.sum()
            self._expect("}" if token == "{" else ")")
            return value
        if token.isdigit():
            if single_digit and len(token) > 1:
                self._at -= 1
                self._tokens[self._at] = token[1:]
                token = token[0]
            return Value.of(Fraction(int(token)))
        if token in _CONSTANTS:
            return Value.near(_CONSTANTS[token])
        if token[0] == "\\":
            return self._named(token[1:], is_command=True)
        raise NotClosedError(f"{token!r} is not an argument")
