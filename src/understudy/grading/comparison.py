r"""Compares two mathematical answers by their shapes (sequences, sets, intervals, matrices), part by part. In: a
reference and an answer. Out: equal, not equal or None, and the way of comparing. Not here: single expressions
(``scalars``), extracting the answer from a text (``answers``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from understudy.grading.config import MathOptions
from understudy.grading.congruences import same_congruence
from understudy.grading.moments import read_moments, same_moment
from understudy.grading.pool import WorkerPool
from understudy.grading.python_forms import plain_python
from understudy.grading.readings import other_readings
from understudy.grading.real_sets import is_descending, same_real_set
from understudy.grading.relations import read_relation, same_name
from understudy.grading.restated import (
    choice_and_value,
    in_digits,
    said_twice,
    same_choices,
    short_scale,
    without_remark,
)
from understudy.grading.scalars import ScalarComparison, is_closed
from understudy.grading.structures import Items, Matrix, Named, Node, Scalar, Union, read_node
from understudy.grading.tidy import squeeze, tidy
from understudy.grading.units import is_sum
from understudy.grading.vectors import as_sequence, without_label
from understudy.grading.words import TEXT, same_choice, same_words, unwrap_text, words_of

_CONSTANT = re.compile(r"(.*[^+\-*/^_{(\s])\s*\+\s*\\?[CcKk](?:onstant|onst\.?)?", re.DOTALL)
_COLUMN = re.compile(r"\\binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


def combined(verdicts: Iterable[bool | None]) -> bool | None:
    """One verdict for several parts: False if a part is wrong, else None if a part could not be judged."""
    is_open = False
    for verdict in verdicts:
        if verdict is False:
            return False
        is_open = is_open or verdict is None
    return None if is_open else True


class Comparison:
    """One comparison, with one time limit for all requests to the workers."""

    def __init__(self, config: MathOptions, pool: WorkerPool, *, lists_are_points: bool = False) -> None:
        self._scalars = ScalarComparison(config, pool)
        self._lists_are_points = lists_are_points
        self._how = ""

    def equal(self, reference: str, answer: str) -> tuple[bool | None, str]:
        """Whether the answer equals the reference, and the way of comparing."""
        verdict, how = self._equal_as_written(reference, answer)
        if verdict is False:
            for reading in other_readings(reference, answer):
                if self._equal_as_written(reading.reference, reading.answer)[0]:
                    return reading.is_certain or None, reading.how
        return verdict, how

    def _equal_as_written(self, reference: str, answer: str) -> tuple[bool | None, str]:
        answer = plain_python(answer)
        if (restated := self._same_as_stated(reference, answer)) is not None:
            return restated
        answer = short_scale(without_remark(answer), reference)
        if (moments := read_moments(reference, answer)) is not None:
            return same_moment(*moments), "compared as times or dates"
        if (is_same := same_choice(reference, answer)) is not None:
            return is_same, "the same choice" if is_same else "another choice"
        reference, answer = in_digits(reference, answer), in_digits(answer, reference, is_answer=True)
        words = words_of(reference)
        reference, answer = (match[1] if (match := TEXT.fullmatch(text)) else text for text in (reference, answer))
        if words is not None and tidy(reference) not in ("(-∞,∞)", "∅"):
            return same_words(words, answer), "compared as words"
        expected, actual = without_constant(tidy(reference), tidy(answer))
        if squeeze(expected) == squeeze(actual):
            return True, "same text after normalisation"
        if _names_differ(expected, actual):
            return False, "different variables"
        if _are_inequalities(expected, actual) and (verdict := self._scalars.same(expected, actual)) is not False:
            return verdict, self._scalars.how
        verdict = self._same(_node_of(expected), _node_of(actual))
        return verdict, self._how or self._scalars.how

    def _same_as_stated(self, reference: str, answer: str) -> tuple[bool | None, str] | None:
        """The verdict on choices, and on an answer that says its value twice; None if it is neither."""
        if same_choices(reference, answer):
            return True, "the same choices"
        if (choice := choice_and_value(reference)) is not None:
            is_letter = same_choice(choice[0], answer) or unwrap_text(answer).strip("(). ") == choice[0]
            return (True, "the same choice") if is_letter else self.equal(choice[1], answer)
        if (congruence := same_congruence(reference, answer)) is not None:
            return congruence
        parts = said_twice(answer) if said_twice(reference) is None else None
        is_same = parts is not None and all(self.equal(reference, part)[0] for part in parts)
        return (True, "said twice, both equal") if is_same else None

    def _same(self, expected: Node, actual: Node) -> bool | None:
        self._how = ""
        if isinstance(expected, Named) or isinstance(actual, Named):
            return self._same_named(expected, actual)
        if isinstance(expected, Matrix) or isinstance(actual, Matrix):
            return self._same_matrix(expected, actual)
        if isinstance(expected, Union) or isinstance(actual, Union):
            return self._same_unions(expected, actual)
        if isinstance(expected, Items) and isinstance(actual, Scalar):
            actual = as_sequence(actual.text, len(expected.nodes)) or actual
        if isinstance(actual, Items) and isinstance(expected, Scalar):
            expected = without_label(expected.text) or expected
        if isinstance(expected, Items) and isinstance(actual, Items):
            return self._same_items(expected, actual)
        only = _only_member(expected), _only_member(actual)
        if isinstance(only[0], Scalar) and isinstance(only[1], Scalar):
            return self._scalars.same(only[0].text, only[1].text)
        if only != (expected, actual):
            return self._same(*only)
        self._how = "different shapes"
        return False

    def _same_unions(self, expected: Node, actual: Node) -> bool | None:
        self._how = "compared as sets of real numbers"
        verdict = same_real_set(expected, actual)
        return self._same_members(_parts(expected), _parts(actual)) if verdict is None else verdict

    def _same_items(self, expected: Items, actual: Items) -> bool | None:
        if expected.brackets == actual.brackets == "⦃⦄":
            return self._same_sets(expected.nodes, actual.nodes)
        if len(expected.nodes) != len(actual.nodes):
            only = _only_member(expected), _only_member(actual)
            if only != (expected, actual):
                return self._same(*only)
            self._how = f"{len(expected.nodes)} parts expected, {len(actual.nodes)} found"
            return False
        if expected.is_unordered:
            is_listed = (
                actual.is_unordered
                or actual.brackets in ("[]", "⟦⟧")
                or (expected.brackets == "" and actual.brackets == "()")
            )
            return self._same_members(expected.nodes, actual.nodes) if is_listed else False
        # An array, ⟦1, 2⟧, is a sequence and never an interval; (1, 2] is always one.
        brackets = {expected.brackets, actual.brackets}
        is_array = "⟦⟧" in brackets and not {"(]", "[)"} & brackets
        is_loose = (len(expected.nodes) != 2 and actual.brackets != "⦃⦄") or is_array
        is_bare_tuple = expected.brackets == "()" and actual.brackets == ""
        if not (expected.brackets == actual.brackets or is_loose or is_bare_tuple):
            self._how = f"brackets {expected.brackets} expected, {actual.brackets or 'none'} found"
            may_be_point = (expected.brackets, actual.brackets) == ("()", "[]") and not actual.is_interval
            return self._same_point(expected, actual) if may_be_point else False
        return self._same_in_order(expected, actual)

    def _same_point(self, expected: Items, actual: Items) -> bool | None:
        """A list [3, 4] may be the point (3, 4) or a closed interval; [4, 3] is not an interval."""
        verdict = self._same_in_order(expected, actual)
        return verdict and (True if self._lists_are_points or is_descending(expected.nodes) else None)

    def _same_in_order(self, expected: Items, actual: Items) -> bool | None:
        return combined(self._same(a, b) for a, b in zip(expected.nodes, actual.nodes, strict=True))

    def _same_members(self, expected: Sequence[Node], actual: Sequence[Node]) -> bool | None:
        """Whether the members can be paired one to one, in any order."""
        left = list(actual)
        if len(left) != len(expected):
            return False
        is_open = False
        for member in expected:
            verdicts = [self._same(member, other) for other in left] if is_open else self._until_found(member, left)
            if True in verdicts:
                del left[verdicts.index(True)]
            elif None in verdicts:
                is_open = True
                del left[verdicts.index(None)]
            else:
                return False
        return None if is_open else True

    def _until_found(self, member: Node, others: Sequence[Node]) -> list[bool | None]:
        verdicts: list[bool | None] = []
        for other in others:
            verdicts.append(self._same(member, other))
            if verdicts[-1]:
                break
        return verdicts

    def _same_sets(self, expected: Sequence[Node], actual: Sequence[Node]) -> bool | None:
        """Whether each member of either set is one of the other: ``{1, 1, 2}`` is ``{1, 2}``."""
        if len(expected) == len(actual):
            verdict = self._same_members(expected, actual)
            if verdict is not False:
                return verdict
        sides = ((a, actual) for a in expected), ((b, expected) for b in actual)
        return combined(_best(self._until_found(member, others)) for side in sides for member, others in side)

    def _same_named(self, expected: Node, actual: Node) -> bool | None:
        self._how = "compared by the variables' names"
        if isinstance(expected, Named) and isinstance(actual, Named):
            theirs = dict(actual.pairs)
            if {name for name, _ in expected.pairs} != {*theirs}:
                return False
            return combined(self._same(node, theirs[name]) for name, node in expected.pairs)
        named, other = (expected, actual) if isinstance(expected, Named) else (actual, expected)
        other = _only_member(other)
        if not isinstance(named, Named) or not isinstance(other, Items):
            return False
        values = named.in_order()
        if len(other.nodes) != len(values) or (other.brackets == "⦃⦄" and other is actual):
            return False
        if other is expected and other.is_unordered:
            return self._same_members(other.nodes, values)
        pairs = zip(values, other.nodes, strict=True)
        return combined(self._same(a, b) if named is expected else self._same(b, a) for a, b in pairs)

    def _same_matrix(self, expected: Node, actual: Node) -> bool | None:
        self._how = "compared as matrices"
        if isinstance(expected, Matrix) and isinstance(actual, Scalar):
            actual = as_sequence(actual.text, sum(map(len, expected.rows))) or actual
        rows, other = _rows(expected), _rows(actual)
        if rows is None or other is None:
            return False
        if [len(row) for row in rows] != [len(row) for row in other]:
            is_vector = all(len(m) == 1 or all(len(row) == 1 for row in m) for m in (rows, other))
            if not is_vector:
                return False
        cells = [[cell for row in matrix for cell in row] for matrix in (rows, other)]
        return combined(map(self._same, *cells)) if len(cells[0]) == len(cells[1]) else False


def _best(verdicts: Sequence[bool | None]) -> bool | None:
    return True if True in verdicts else None if None in verdicts else False


def _member_of(text: str) -> str:
    """The set in ``x ∈ …``."""
    name, sign, rest = text.partition("∈")
    is_membership = sign and rest.strip() and len(name.strip()) <= 12 and not name.startswith(("⦃", "{"))
    return rest.strip() if is_membership else text


def _node_of(text: str) -> Node:
    """The shape of an answer, or of the right side of ``A = …`` if it has one."""
    node = Scalar(text) if is_sum(text) else read_node(_member_of(text))
    relation = read_relation(text) if isinstance(node, Scalar) else None
    if relation is not None and relation.assigned is not None:
        assigned = read_node(relation.assigned[1])
        return node if isinstance(assigned, Scalar) else assigned
    return node


def without_constant(expected: str, actual: str) -> tuple[str, str]:
    """Two antiderivatives without their constants, however these are named."""
    found = _CONSTANT.fullmatch(expected), _CONSTANT.fullmatch(actual)
    return (found[0][1], found[1][1]) if found[0] and found[1] else (expected, actual)


def _are_inequalities(expected: str, actual: str) -> bool:
    relations = read_relation(expected), read_relation(actual)
    return all(relation is not None and relation.sign != "=" for relation in relations)


def _names_differ(expected: str, actual: str) -> bool:
    """Whether both assign to or bound a variable, and the variables differ: ``x = 5`` and ``y = 5``."""
    names = []
    for text in (expected, actual):
        relation = read_relation(text)
        if relation is None or relation.assigned is None or not is_closed(relation.assigned[1]):
            return False
        names.append(relation.assigned[0])
    return not same_name(names[0], names[1])


def _parts(node: Node) -> tuple[Node, ...]:
    """The parts of a union; ``x < 2 or x > 3`` comes as an enumeration."""
    if isinstance(node, Union):
        return node.parts
    return node.nodes if isinstance(node, Items) and node.brackets == "" else (node,)


def _only_member(node: Node) -> Node:
    """The only member of a list, a set or a pair of brackets."""
    while isinstance(node, Items) and len(node.nodes) == 1:
        node = node.nodes[0]
    return node


def _rows(node: Node) -> list[list[Node]] | None:
    """The rows of a matrix, or of a list that represents one; a flat list or tuple is one row."""
    if isinstance(node, Matrix):
        return [list(row) for row in node.rows]
    if isinstance(node, Scalar) and (column := _COLUMN.fullmatch(node.text)) is not None:
        return [[Scalar(column[1])], [Scalar(column[2])]]
    if not isinstance(node, Items) or node.brackets in ("⦃⦄", "{}"):
        return None
    if all(isinstance(row, Items) for row in node.nodes):
        return [list(row.nodes) for row in node.nodes if isinstance(row, Items)]
    return [list(node.nodes)]
