r"""Equality of formulas with variables. Runs only in a worker process that may be killed.

In: LaTeX texts, which Math-Verify's parser reads. Out: equal, not equal, or None if it depends on the values of the
variables; and the way of comparing. Not here: deadlines, numbers, sets, tuples.

Two formulas are compared by their values at fixed points, to 30 digits: at positive and negative fractions and at whole
numbers. Formulas that differ at a point are different, and no rewriting is needed; it is very unlikely that different
formulas agree at all points. ``\sqrt{x^2}`` and ``x`` agree at the positive points only: that is None. Capital and
small letters are different variables, and ``i`` is the imaginary unit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from latex2sympy2_extended import latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig
from math_verify import verify
from sympy import Basic, Expr, Float, I, Integer, Product, Rational, Sum, Symbol, fraction, together
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

logging.disable(logging.CRITICAL)

Verdict = tuple[bool | None, str]

_CASE_MATTERS = ConversionConfig(lowercase_symbols=False)
_NORMALIZATION = NormalizationConfig(
    basic_latex=True, units=False, malformed_operators=False, nits=False, equations=False
)
_FRACTIONS = ((37, 29), (53, 31), (19, 23), (71, 41), (43, 37), (29, 19), (97, 83), (61, 47), (23, 17), (89, 59))
_POSITIVE, _NEGATIVE, _WHOLE = "positive fractions", "negative fractions", "whole numbers"
_N_DIGITS = 30
_EQUAL_REL = Float("1e-20")
_DECIMAL_REL = Float("1e-4")
_ZERO = Float("1e-60")
"""sympy evaluates a zero with up to 100 digits, so its residue is far below this."""


def library_version() -> str:
    """Version of the library whose parser reads the formulas."""
    return f"math-verify {version('math-verify')}"


def warm_up() -> None:
    """Compare two formulas once, so that the libraries build their tables."""
    compare("values", r"\frac{(x+1)^2}{2}", r"\frac{x^2}{2} + x + \sqrt{\frac{1}{4}}")
    compare("equations", r"\sin(y) - (\ln{2} x+3)", r"2x-y+3")


def compare(way: str, reference: str, answer: str) -> Verdict:
    """Compare two formulas as ``values``, or two differences of sides as ``equations`` or as ``inequalities``."""
    expected, actual = _read(reference), _read(answer)
    if actual is None:
        return False, "the answer could not be read as a formula"
    if expected is None:
        return None, "the reference could not be read as a formula"
    if not (isinstance(expected, Expr) and isinstance(actual, Expr)):
        return _same_objects(expected, actual)
    try:
        return _compare_values(expected, actual) if way == "values" else _compare_sides(way, expected, actual)
    except (Exception, RecursionError) as error:
        return None, f"symbolic comparison failed: {type(error).__name__}"


def _read(latex: str) -> Basic | None:
    try:
        found = latex2sympy(latex, is_real=True, normalization_config=_NORMALIZATION, conversion_config=_CASE_MATTERS)
        if not isinstance(found, Basic) or (found.has(Relational) and not isinstance(found, Relational)):
            return None
        names = {each: Symbol(str(each)) for each in found.atoms(AppliedUndef)}
        return found.xreplace(names).subs({s: I for s in found.free_symbols if s.name == "i"})
    except (Exception, RecursionError):
        return None


def _same_objects(expected: Basic, actual: Basic) -> Verdict:
    """Sets, relations and matrices that the shapes did not read: Math-Verify's own comparison, of equals only."""
    if type(expected) is not type(actual):
        return False, "different kinds of objects"
    return bool(verify(expected, actual, timeout_seconds=None)), "compared by Math-Verify"


def _points(symbols: Sequence[Symbol], kind: str) -> Iterator[dict[Symbol, Expr]]:
    """Two points of a kind; every variable has a different value."""
    for shift in (0, 3):
        numbers = [_FRACTIONS[(i + shift) % len(_FRACTIONS)] for i in range(len(symbols))]
        extra = [i // len(_FRACTIONS) for i in range(len(symbols))]
        if kind == _WHOLE:
            yield {s: Integer(i + 2 + shift) for i, s in enumerate(symbols)}
        else:
            sign = -1 if kind == _NEGATIVE else 1
            yield {s: sign * (Rational(*n) + e) for s, n, e in zip(symbols, numbers, extra, strict=True)}


def _value(formula: Expr, point: dict[Symbol, Expr]) -> Expr | None:
    """The formula's value at a point, None if it has none."""
    try:
        value = formula.subs(point, simultaneous=True).doit().evalf(_N_DIGITS)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return value if value.is_number and value.is_finite else None


def _compare_values(expected: Expr, actual: Expr) -> Verdict:
    rel = _DECIMAL_REL if expected.has(Float) or actual.has(Float) else _EQUAL_REL
    symbols = sorted(expected.free_symbols | actual.free_symbols, key=str)
    if expected.has(Sum, Product) or actual.has(Sum, Product):
        # A sum up to n is defined for whole numbers only.
        is_equal = _agrees(expected, actual, symbols, _WHOLE, rel)
        return is_equal, "compared for whole numbers"
    agrees = {kind: _agrees(expected, actual, symbols, kind, rel) for kind in (_POSITIVE, _WHOLE)}
    if not any(agrees.values()):
        return (False, "different values") if False in agrees.values() else (None, "no values to compare")
    agrees[_NEGATIVE] = _agrees(expected, actual, symbols, _NEGATIVE, rel)
    if False in agrees.values():
        return None, f"equal for {' and '.join(kind for kind, same in agrees.items() if same)} only"
    return True, "equal values"


def _agrees(expected: Expr, actual: Expr, symbols: Sequence[Symbol], kind: str, rel: Float) -> bool | None:
    """Whether two formulas agree at all points of a kind; None if the first has no value at any of them."""
    verdicts = []
    for point in _points(symbols, kind):
        a, b = _value(expected, point), _value(actual, point)
        if a is None:
            continue
        if b is None:
            return False
        distance = abs(a - b).evalf(_N_DIGITS)
        verdicts.append(bool(distance <= max(rel * abs(a).evalf(), rel * abs(b).evalf()) or distance < _ZERO))
        if not verdicts[-1]:
            return False
    return True if verdicts else None


def _compare_sides(way: str, expected: Expr, actual: Expr) -> Verdict:
    """Whether one difference is the other times a number: not zero for equations, positive for inequalities."""
    if way == "equations":
        expected, actual = fraction(together(expected))[0], fraction(together(actual))[0]
    symbols = sorted(expected.free_symbols | actual.free_symbols, key=str)
    ratios = []
    for kind in (_POSITIVE, _NEGATIVE, _WHOLE):
        for point in _points(symbols, kind):
            above, below = _value(expected, point), _value(actual, point)
            if above is None or below is None:
                continue
            if abs(above) < _ZERO or abs(below) < _ZERO:
                if not (abs(above) < _ZERO and abs(below) < _ZERO):
                    return False, "different equations"
                continue
            ratios.append((above / below).evalf(_N_DIGITS))
    if not ratios:
        return (expected == actual), "equations without a value"
    rel = _DECIMAL_REL if expected.has(Float) or actual.has(Float) else _EQUAL_REL
    if any(abs(ratio - ratios[0]) > rel * abs(ratios[0]) for ratio in ratios):
        return False, "different equations"
    is_right = way == "equations" or bool(ratios[0].is_positive)
    return is_right, "the same up to a factor" if is_right else "the inequality is turned round"
