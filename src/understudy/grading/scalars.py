r"""Compares two single expressions as texts, numerals, quantities, numbers or formulas, in this order. In: two tidy
texts. Out: equal, not equal, or None if undecided. Not here: sequences, sets, matrices.

Protocol of the paper (section 5): relative tolerance 1e-4, else symbolic equality. The tolerance is for plain numbers
and decimals; closed forms such as ``2^{2020}`` and ``2^{2020}+1`` are compared exactly. There is no absolute
tolerance: only 0 is 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from understudy.grading.closed_form import UnclearLogarithmError, closed_form
from understudy.grading.config import MathOptions
from understudy.grading.moments import read_moments, same_moment
from understudy.grading.numerals import read_numeral, same_numeral
from understudy.grading.pool import WorkerPool
from understudy.grading.relations import Relation, read_relation
from understudy.grading.tidy import squeeze, to_latex
from understudy.grading.units import Unit, same_duration, split_unit, with_fraction_of_units
from understudy.grading.values import NotClosedError, TooLargeError, Value, multiply
from understudy.grading.words import letters_only, same_letters, unwrap_text

MAX_SYMBOLIC_CHARS = 1_000
MAX_SYMBOLIC_DEPTH = 30
"""Maximal depth of brackets; the references have at most four."""

_ONLY_TEXT = re.compile(r"[∞∅…≡]|\bmod\b")
"""A text with one of these is equal as a text or not at all."""
_RATIO = re.compile(r"\d+(?:\.\d+)?(?:\s*:\s*\d+(?:\.\d+)?)+")
_MAY_BE_TIME = re.compile(r"\d{1,2}:\d{2}")
_LONG_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])(?!sqrt|sin|cos|tan|cot|sec|csc|arc|log|exp|abs)[A-Za-z]{3,}")
_PARTS = {"percent": "%", "degrees": "°"}


class ScalarComparison:
    """Compares single expressions, with one time limit for all requests to the workers."""

    def __init__(self, config: MathOptions, pool: WorkerPool) -> None:
        self._config = config
        self._pool = pool
        self._left_s = config.deadline_s
        self.how = "different texts"
        """The way of comparing of the last verdict."""

    def same(self, expected: str, actual: str) -> bool | None:
        """Whether two expressions are equal."""
        expected, actual = _before_approximation(expected), _before_approximation(actual)
        if squeeze(expected) == squeeze(actual) or _plain_name(expected) == _plain_name(actual):
            self.how = "same text after normalisation"
            return True
        if (moments := read_moments(expected, actual)) is not None:
            self.how = "compared as times or dates"
            return same_moment(*moments)
        relations = read_relation(expected), read_relation(actual)
        if relations[0] is not None or relations[1] is not None:
            return self._same_relations(expected, actual, *relations)
        return self._same_values(expected, actual)

    def _same_relations(
        self, expected: str, actual: str, first: Relation | None, second: Relation | None
    ) -> bool | None:
        if first is not None and second is not None:
            if first.assigned and second.assigned and squeeze(first.assigned[0]) == squeeze(second.assigned[0]):
                return self.same(first.assigned[1], second.assigned[1])
            return self._same_sides(first, second)
        relation = first or second
        value = None if relation is None else self._value_of_equation(relation)
        if value is None:
            self.how = "an equation and a value"
            return False
        return self.same(value, actual) if first is not None else self.same(expected, value)

    def _value_of_equation(self, relation: Relation) -> str | None:
        """What ``x = 5`` assigns, or the result of a computation such as ``2 + 3 = 5``."""
        if relation.assigned is not None:
            return relation.assigned[1]
        left, right = _number(relation.left), _number(relation.right)
        if relation.sign == "=" and isinstance(left, Value) and isinstance(right, Value):
            return relation.right if self._same_value(left, right) else None
        return None

    def _same_sides(self, first: Relation, second: Relation) -> bool | None:
        if (first.assigned and second.assigned) and _is_function(first.assigned[0], second.assigned[0]):
            return self.same(first.assigned[1], second.assigned[1])
        if first.sign != second.sign:
            second = second.flipped()
        if first.sign != second.sign:
            self.how = "different relations"
            return False
        way = "equations" if first.sign in "=≠" else "inequalities"
        return self._ask_worker(first.difference, second.difference, way)

    def _same_values(self, expected: str, actual: str) -> bool | None:
        plain = [unwrap_text(text).strip() for text in (expected, actual)]
        if read_numeral(expected) is not None or read_numeral(actual) is not None:
            self.how = "compared as numerals of a base"
            return same_numeral(expected, actual)
        if all(map(letters_only, plain)) and (verdict := same_letters(plain[0], plain[1])) is not None:
            self.how = "compared as words"
            return verdict
        if any(_RATIO.fullmatch(text.strip()) for text in (expected, actual)):
            return self._same_ratio(expected, actual)
        numbers, units = zip(*map(split_unit, (expected, actual)), strict=True)
        if units[0] and not units[1]:
            numbers, units = zip(*map(split_unit, (expected, with_fraction_of_units(actual))), strict=True)
        if _ONLY_TEXT.search(numbers[0] + numbers[1]):
            self.how = "compared as texts"
            return squeeze(numbers[0]) == squeeze(numbers[1])
        ratios = _ratios(units)
        factors = ratios if ratios and "%" in "".join(numbers) else _factors(units[0], units[1]) + ratios
        if not factors:
            self.how = "different units"
            return False
        return self._same_quantities(numbers, factors)

    def _same_quantities(self, numbers: tuple[str, ...], factors: list[tuple[Fraction, Fraction]]) -> bool | None:
        found = [_number(text) for text in numbers]
        if any(isinstance(value, UnclearLogarithmError) for value in found):
            return self._same_in_each_base(numbers)
        if isinstance(found[0], Value) and isinstance(found[1], Value):
            self.how = "compared as numbers"
            readings = list(self._readings(numbers, found[0], found[1]))
            return any(self._same_value(_scaled(a, x), _scaled(b, y)) for x, y in factors for a, b in readings)
        if any(isinstance(value, TooLargeError) for value in found):
            self.how = "a number beyond all bounds"
            return False
        scaled = [
            text if f == 1 else f"({text})*{f.numerator}/{f.denominator}"
            for text, f in zip(numbers, factors[0], strict=True)
        ]
        return self._ask_worker(scaled[0], scaled[1], "values")

    def _same_in_each_base(self, numbers: tuple[str, ...]) -> bool | None:
        r"""A bare ``\log`` is of base ten; None if only its natural reading is equal."""
        self.how = r"compared as numbers, \log in both bases"
        verdicts = []
        for base in ("e", "10"):
            a, b = (_number(text, base) for text in numbers)
            if not (isinstance(a, Value) and isinstance(b, Value)):
                return self._ask_worker(numbers[0], numbers[1], "values")
            verdicts.append(self._same_value(a, b))
        return True if verdicts[1] else None if verdicts[0] else False

    def _readings(self, numbers: tuple[str, ...], expected: Value, actual: Value) -> Iterator[tuple[Value, Value]]:
        """Possible meanings of both: a percent or degree sign on one side only may be a unit or a factor."""
        yield expected, actual
        for index, (text, other) in enumerate((numbers, numbers[::-1])):
            if "%" in text and "%" not in other:
                second = _number(text.replace("%", ""))
            elif "°" in text and "°" not in other and "π" in other:
                second = _number(text, degrees=True)
            else:
                continue
            if isinstance(second, Value):
                yield (second, actual) if index == 0 else (expected, second)
        if self._config.percent_leniency and expected.exact is not None:
            for factor in (Fraction(100), Fraction(1, 100)):
                yield Value.of(expected.exact * factor, is_decimal=expected.is_decimal), actual

    def _same_value(self, a: Value, b: Value) -> bool:
        if a.exact is not None and b.exact is not None:
            if a.exact == b.exact:
                return True
            whole = a.exact.denominator == b.exact.denominator == 1 and not (a.is_decimal or b.is_decimal)
            is_rounded = (a.is_plain and b.is_plain) or a.is_decimal or b.is_decimal
            if (self._config.exact_integers and whole) or not is_rounded:
                return False
            return abs(a.exact - b.exact) <= Fraction(self._config.rel_tol) * max(abs(a.exact), abs(b.exact))
        size = max(abs(a.approximate), abs(b.approximate))
        rounding = self._config.rel_tol * size if a.is_decimal or b.is_decimal else 0
        return bool(abs(a.approximate - b.approximate) <= max(rounding, 2 * (a.error + b.error)))

    def _same_ratio(self, expected: str, actual: str) -> bool | None:
        """``3:5`` is ``6:10`` and ``3/5``; a text such as ``12:30`` may also be a time: then None."""
        self.how = "compared as ratios"
        durations = {same_duration(a, b) for a, b in ((expected, actual), (actual, expected))}
        if durations & {True, None}:
            return True in durations or None
        parts = [[_number(part) for part in text.split(":")] for text in (expected, actual)]
        exact = [[v.exact for v in side if isinstance(v, Value) and v.exact is not None] for side in parts]
        if any(len(v) != len(p) for v, p in zip(exact, parts, strict=True)):
            return False
        first, second = exact
        if min(len(first), len(second)) == 1 and max(len(first), len(second)) == 2:
            first, second = ([*side, Fraction(1)][:2] for side in (first, second))
        if len(first) != len(second) or any(a * second[0] != b * first[0] for a, b in zip(first, second, strict=True)):
            return False
        may_be_time = any(_MAY_BE_TIME.fullmatch(text.strip()) for text in (expected, actual))
        return None if may_be_time else first != [0] * len(first)

    def _ask_worker(self, expected: str, actual: str, way: str) -> bool | None:
        if _is_prose(actual):
            self.how = "the answer is not a formula"
            return False
        if len(actual) > MAX_SYMBOLIC_CHARS or _depth(actual) > MAX_SYMBOLIC_DEPTH:
            self.how = "the answer is too long or too deep for a symbolic comparison"
            return False
        if self._left_s <= 0:
            self.how = f"symbolic comparison took more than {self._config.deadline_s:g} s"
            return None
        reply = self._pool.ask(to_latex(expected), to_latex(actual), self._left_s, way)
        self._left_s -= reply.cpu_s
        self.how = reply.how
        return reply.equal


_FIGURE = re.compile(
    r"\\(?:overline|triangle|angle|widehat|overleftrightarrow)\s*\{?\s*([A-Z]{2,4})\s*\}?|"
    r"\b(?:triangle|angle|segment|line)\s+([A-Z]{2,4})\b"
)


def _plain_name(text: str) -> str:
    r"""``\overline{AB}`` as ``AB``."""
    return squeeze(_FIGURE.sub(r"\1\2", unwrap_text(text)))


_VARIABLE = re.compile(r"\\?[A-Za-z]\w?")


def is_closed(text: str) -> bool:
    """Whether the text is a number, perhaps with a unit."""
    return isinstance(_number(split_unit(text)[0]), Value)


def _before_approximation(text: str) -> str:
    """The text without an approximation after the value; the approximation itself if no value precedes the sign."""
    exact, sign, approximation = text.partition("≈")
    has_no_value = not exact.strip() or exact.strip().endswith("=") or (sign and _VARIABLE.fullmatch(exact.strip()))
    return (approximation or text if has_no_value else exact).strip(" =")


def _number(text: str, log_base: str | None = None, *, degrees: bool = False) -> Value | NotClosedError | None:
    try:
        return closed_form(text, log_base, degrees=degrees)
    except (TooLargeError, UnclearLogarithmError) as error:
        return error
    except NotClosedError:
        return None


def _factors(expected: tuple[Unit, ...], actual: tuple[Unit, ...]) -> list[tuple[Fraction, Fraction]]:
    """The sizes of both units for each common dimension; empty if there is none."""
    if not expected or not actual:
        return [(Fraction(1), Fraction(1))]
    found = [(a.size, b.size) for a in expected for b in actual if a.dimension == b.dimension]
    return [(Fraction(1), Fraction(1)) if a == b else (a, b) for a, b in found]


def _ratios(units: Sequence[tuple[Unit, ...]]) -> list[tuple[Fraction, Fraction]]:
    """The sizes of both sides where one is in ppm or the like, and the other is a number without a unit."""
    expected, actual = units
    one = Fraction(1)
    if expected and not actual:
        return [(unit.size, one) for unit in expected if unit.is_ratio]
    if actual and not expected:
        return [(one, unit.size) for unit in actual if unit.is_ratio]
    return []


def _scaled(value: Value, factor: Fraction) -> Value:
    if factor == 1:
        return value
    scaled = multiply(value, Value.of(factor))
    return Value(scaled.exact, scaled.approximate, value.is_decimal, value.is_plain, scaled.error)


def _is_function(first: str, second: str) -> bool:
    """``f(x)`` and ``y``, or two functions, name the same value."""
    return "(" in first or "(" in second


def _depth(text: str) -> int:
    """The depth of nested brackets."""
    deepest = depth = 0
    for sign in text:
        depth += (sign in "([{⦃") - (sign in ")]}⦄")
        deepest = max(deepest, depth)
    return deepest


def _is_prose(text: str) -> bool:
    """Whether the text is prose: ``abc`` may be a product, ``error`` and ``not the same`` may not."""
    words = _LONG_WORD.findall(text)
    return not text or len(words) > 1 or any(len(word) > 4 for word in words)
