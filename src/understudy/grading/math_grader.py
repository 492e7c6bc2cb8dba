"""Mathematical answers: equal as texts, as numbers, or by symbolic comparison, in this order.

In: a reference and an answer, in LaTeX, Python or plain text. Out: equal or not, and by what. Not here: the answer's
place in a longer text (``answers``), the processes of symbolic comparison (``pool``).

Protocol of the paper (section 5): equality of the boxed answers with relative tolerance 1e-4, else symbolic equality.
The tolerance is for plain numbers and decimals; closed forms such as ``2^{2020}`` and ``2^{2020}+1`` are compared
exactly. The released code's ×100 / ÷100 leniency is the option ``percent_leniency``.
"""

from __future__ import annotations

import cmath
import re
import threading
from collections.abc import Iterator
from fractions import Fraction

from understudy.grading.answers import mathematical_answer
from understudy.grading.closed_form import closed_form
from understudy.grading.config import MathConfig
from understudy.grading.grader import Judgement, is_no_answer
from understudy.grading.pool import WorkerPool
from understudy.grading.structures import Items, Matrix, Node, Scalar, Union, read_node
from understudy.grading.tidy import squeeze, tidy, to_latex
from understudy.grading.units import same_words, strip_units, unwrap_text, words_of
from understudy.grading.values import NotClosedError, TooLargeError, Value
from understudy.records import Task

MAX_ANSWER_CHARS = 4_000
"""No reference comes near it; a longer answer can only be equal as a text."""
EXACT_REL_TOL = 1e-9
"""Between two closed forms without decimals, which are known to about 15 digits."""
ABS_TOL = 1e-12
MAX_SYMBOLIC_CHARS = 1_000
MAX_SYMBOLIC_DEPTH = 30
"""Brackets within brackets; the references have at most four."""
MAX_REMEMBERED = 50_000

_ASSIGNED = re.compile(r"\\?[A-Za-z][A-Za-z]?(?:_\{?\w+\}?)?(?:\([A-Za-z]\))?\s*[=∈]\s*([^=].*)", re.DOTALL)
_BASED = re.compile(r"(-?[0-9A-Za-z]+)_\{?(\d+)\}?")
_ONLY_TEXT = re.compile(r"[:∞∅…]")
"""Signs of times, ratios and infinity: what has one of these is equal as a text or not at all."""
_LONG_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])(?!sqrt|sin|cos|tan|cot|sec|csc|arc|log|exp|abs)[A-Za-z]{3,}")


class MathGrader:
    """Right where the answer equals the reference or an alias. Owns nothing: the pool belongs to who made it."""

    name = "math"

    def __init__(self, config: MathConfig, pool: WorkerPool) -> None:
        self._config = config
        self._pool = pool
        self._remembered: dict[tuple[str, str], tuple[bool, str]] = {}
        self._lock = threading.Lock()
        options = [f"rel_tol={config.rel_tol:g}"]
        options += ["exact_integers"] if config.exact_integers else []
        options += ["percent_leniency"] if config.percent_leniency else []
        self.version = f"1 {' '.join(options)}"

    def judge(self, task: Task, answer: str) -> Judgement:
        """Judge one answer."""
        given = mathematical_answer(answer)
        if is_no_answer(given):
            return Judgement(False, "no answer", given)
        how = ""
        for reference in task.references:
            equal, how = self.equal(reference, given)
            if equal:
                return Judgement(True, f"equals {reference!r}: {how}", given[:MAX_ANSWER_CHARS])
        return Judgement(False, f"not {task.answer!r}: {how}", given[:MAX_ANSWER_CHARS])

    def equal(self, reference: str, answer: str) -> tuple[bool, str]:
        """Whether two mathematical texts are equal, and by what it was found. The reference comes first."""
        if reference.strip() == answer.strip():
            return True, "same text"
        if len(answer) > MAX_ANSWER_CHARS:
            return False, f"the answer has {len(answer):,} signs, at most {MAX_ANSWER_CHARS:,} are read"
        key = (reference, answer)
        with self._lock:
            found = self._remembered.get(key)
        if found is None:
            found = _Comparison(self._config, self._pool).equal(reference, answer)
            with self._lock:
                if len(self._remembered) < MAX_REMEMBERED:
                    self._remembered[key] = found
        return found


class _Comparison:
    """One comparison, with one time limit for all that it asks of the workers."""

    def __init__(self, config: MathConfig, pool: WorkerPool) -> None:
        self._config = config
        self._pool = pool
        self._left_s = config.deadline_s
        self._how = "different texts"

    def equal(self, reference: str, answer: str) -> tuple[bool, str]:
        if (words := words_of(reference)) is not None:
            return same_words(words, answer), "compared as words"
        wanted, came = tidy(reference), tidy(answer)
        if squeeze(wanted) == squeeze(came):
            return True, "same text after normalisation"
        found = self._same(read_node(_unassigned(wanted)), read_node(_unassigned(came)))
        return found, self._how

    def _same(self, wanted: Node, came: Node) -> bool:
        if isinstance(wanted, Scalar) and isinstance(came, Scalar):
            return self._same_scalar(wanted.text, came.text)
        if isinstance(wanted, Matrix) or isinstance(came, Matrix):
            self._how = "compared as matrices"
            return self._same_matrix(_rows(wanted), _rows(came))
        if isinstance(wanted, Union):
            return self._same_members(wanted.parts, _parts(came))
        if isinstance(wanted, Items) and isinstance(came, Items):
            return self._same_items(wanted, came)
        only = _only_member(wanted), _only_member(came)
        if isinstance(only[0], Scalar) and isinstance(only[1], Scalar):
            return self._same_scalar(only[0].text, only[1].text)
        self._how = "different shapes"
        return False

    def _same_items(self, wanted: Items, came: Items) -> bool:
        if len(wanted.nodes) != len(came.nodes):
            self._how = f"{len(wanted.nodes)} parts expected, {len(came.nodes)} came"
            return False
        if wanted.is_unordered:
            is_listed = came.is_unordered or came.brackets == "[]" or (wanted.brackets == "" and came.brackets == "()")
            return is_listed and self._same_members(wanted.nodes, came.nodes)
        is_loose = len(wanted.nodes) != 2 and not came.is_unordered
        is_bare_tuple = wanted.brackets == "()" and came.brackets == ""
        if not (wanted.brackets == came.brackets or is_loose or is_bare_tuple):
            self._how = f"brackets {wanted.brackets} expected, {came.brackets or 'none'} came"
            return False
        return all(self._same(a, b) for a, b in zip(wanted.nodes, came.nodes, strict=True))

    def _same_members(self, wanted: tuple[Node, ...], came: tuple[Node, ...]) -> bool:
        """Whether each member has a partner of its own, in any order."""
        left = list(came)
        if len(left) != len(wanted):
            return False
        for member in wanted:
            partner = next((i for i, other in enumerate(left) if self._same(member, other)), None)
            if partner is None:
                return False
            del left[partner]
        return True

    def _same_matrix(self, wanted: list[list[Node]] | None, came: list[list[Node]] | None) -> bool:
        if wanted is None or came is None:
            return False
        if [len(row) for row in wanted] != [len(row) for row in came]:
            is_vector = all(len(m) == 1 or all(len(row) == 1 for row in m) for m in (wanted, came))
            if not is_vector:
                return False
        cells = [[cell for row in matrix for cell in row] for matrix in (wanted, came)]
        return len(cells[0]) == len(cells[1]) and all(map(self._same, *cells))

    def _same_scalar(self, wanted: str, came: str) -> bool:
        wanted, came = _unassigned(wanted), _unassigned(came)
        if squeeze(wanted) == squeeze(came):
            self._how = "same text after normalisation"
            return True
        if (based := _BASED.fullmatch(squeeze(unwrap_text(wanted)))) is not None:
            self._how = "compared as numerals of a base"
            return _same_numeral(based, squeeze(unwrap_text(came)))
        spellings = [strip_units(wanted), strip_units(came)]
        if _ONLY_TEXT.search(spellings[0] + spellings[1]):
            self._how = "compared as texts"
            return squeeze(spellings[0]) == squeeze(spellings[1])
        found = [_value_of(text) for text in spellings]
        if isinstance(found[0], Value) and isinstance(found[1], Value):
            self._how = "compared as numbers"
            return any(self._same_value(a, b) for a, b in self._readings(spellings, found[0], found[1]))
        if None not in found:
            self._how = "a number beyond all bounds"
            return False
        return self._ask_worker(spellings[0], spellings[1])

    def _readings(self, spellings: list[str], wanted: Value, came: Value) -> Iterator[tuple[Value, Value]]:
        """What the two may mean: a percent sign on one side only may be a unit or a hundredth."""
        yield wanted, came
        percent = ["%" in text for text in spellings]
        for index, text in enumerate(spellings):
            if percent[index] and not percent[1 - index]:
                plain = _value_of(text.replace("%", ""))
                if isinstance(plain, Value):
                    yield (plain, came) if index == 0 else (wanted, plain)
        if self._config.percent_leniency and wanted.exact is not None:
            for factor in (Fraction(100), Fraction(1, 100)):
                yield Value.of(wanted.exact * factor, is_decimal=wanted.is_decimal), came

    def _same_value(self, a: Value, b: Value) -> bool:
        both_plain = a.is_plain and b.is_plain
        if a.exact is not None and b.exact is not None:
            if a.exact == b.exact:
                return True
            whole = a.exact.denominator == b.exact.denominator == 1 and not (a.is_decimal or b.is_decimal)
            if (self._config.exact_integers and whole) or not (both_plain or a.is_decimal or b.is_decimal):
                return False
            return abs(a.exact - b.exact) <= Fraction(self._config.rel_tol) * max(abs(a.exact), abs(b.exact))
        if not (cmath.isfinite(a.approximate) and cmath.isfinite(b.approximate)):
            return False
        rel_tol = self._config.rel_tol if a.is_decimal or b.is_decimal else EXACT_REL_TOL
        size = max(abs(a.approximate), abs(b.approximate))
        return abs(a.approximate - b.approximate) <= max(rel_tol * size, ABS_TOL)

    def _ask_worker(self, wanted: str, came: str) -> bool:
        if _is_prose(came):
            self._how = "the answer is no formula"
            return False
        if len(came) > MAX_SYMBOLIC_CHARS or _depth(came) > MAX_SYMBOLIC_DEPTH:
            self._how = "the answer is too long or too deep for a symbolic comparison"
            return False
        if self._left_s <= 0:
            self._how = f"symbolic comparison took more than {self._config.deadline_s:g} s"
            return False
        reply = self._pool.ask(to_latex(wanted), to_latex(came), self._left_s)
        self._left_s -= reply.cpu_s
        self._how = reply.how
        return reply.equal


def _unassigned(text: str) -> str:
    """Without a leading ``x =`` and an approximation after it; an equation between expressions stays what it is."""
    text = text.partition("≈")[0]
    match = _ASSIGNED.fullmatch(text.strip())
    return match[1].strip() if match and "=" not in match[1] else text


def _value_of(text: str) -> Value | TooLargeError | None:
    try:
        return closed_form(text)
    except TooLargeError as error:
        return error
    except NotClosedError:
        return None


def _same_numeral(wanted: re.Match[str], came: str) -> bool:
    """``2516_8`` is ``2516``, as the question asked for base 8, but not ``2516_7``."""
    based = _BASED.fullmatch(came)
    return came == wanted[1] if based is None else (based[1], based[2]) == (wanted[1], wanted[2])


def _depth(text: str) -> int:
    """How many brackets stand within one another at most."""
    deepest = depth = 0
    for sign in text:
        depth += (sign in "([{⦃") - (sign in ")]}⦄")
        deepest = max(deepest, depth)
    return deepest


def _is_prose(text: str) -> bool:
    """Whether the text is words: ``abc`` may be a product, ``error`` and ``not the same`` are none."""
    words = _LONG_WORD.findall(text)
    return not text or len(words) > 1 or any(len(word) > 4 for word in words)


def _parts(node: Node) -> tuple[Node, ...]:
    """The parts of a union; ``x < 2 or x > 3`` comes as an enumeration."""
    if isinstance(node, Union):
        return node.parts
    return node.nodes if isinstance(node, Items) and node.brackets == "" else (node,)


def _only_member(node: Node) -> Node:
    """What a list, set or pair of brackets with one member holds."""
    while isinstance(node, Items) and len(node.nodes) == 1:
        node = node.nodes[0]
    return node


def _rows(node: Node) -> list[list[Node]] | None:
    """The rows of a matrix, or of a list that spells one; a flat list or tuple is one row."""
    if isinstance(node, Matrix):
        return [list(row) for row in node.rows]
    if not isinstance(node, Items) or node.is_unordered:
        return None
    if all(isinstance(row, Items) for row in node.nodes):
        return [list(row.nodes) for row in node.nodes if isinstance(row, Items)]
    return [list(node.nodes)]
