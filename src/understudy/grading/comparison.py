r"""Two mathematical answers by their shapes: sequences, sets, intervals, matrices; their parts one by one.

In: a reference and an answer. Out: equal, not equal or None, and by what it was found. Not here: single expressions
(``scalars``), the answer's place in a longer text (``answers``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from understudy.grading.config import MathOptions
from understudy.grading.moments import read_moment, same_moment
from understudy.grading.pool import WorkerPool
from understudy.grading.python_forms import plain_python
from understudy.grading.real_sets import is_descending, same_real_set
from understudy.grading.relations import read_relation, same_name
from understudy.grading.scalars import ScalarComparison, is_closed
from understudy.grading.spoken import number_of_words
from understudy.grading.structures import Items, Matrix, Named, Node, Scalar, Union, read_node
from understudy.grading.tidy import squeeze, tidy
from understudy.grading.units import read_unit
from understudy.grading.words import TEXT, same_choice, same_words, unwrap_text, words_of

_COLUMN = re.compile(r"\\binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}")


def combined(verdicts: Iterable[bool | None]) -> bool | None:
    """One verdict of several parts: a wrong part decides, then one that could not be judged."""
    is_open = False
    for verdict in verdicts:
        if verdict is False:
            return False
        is_open = is_open or verdict is None
    return None if is_open else True


class Comparison:
    """One comparison, with one time limit for all that it asks of the workers."""

    def __init__(self, config: MathOptions, pool: WorkerPool, *, lists_are_points: bool = False) -> None:
        self._scalars = ScalarComparison(config, pool)
        self._lists_are_points = lists_are_points
        self._how = ""

    def equal(self, reference: str, answer: str) -> tuple[bool | None, str]:
        """Whether the answer equals the reference, and by what it was found."""
        answer = plain_python(answer)
        moments = read_moment(reference), read_moment(answer)
        if moments[0] is not None and moments[1] is not None:
            return same_moment(moments[0], moments[1]), "compared as times or dates"
        if same_choice(reference, answer):
            return True, "the same choice"
        reference, answer = _in_digits(reference, answer), _in_digits(answer, reference, is_answer=True)
        words = words_of(reference)
        reference, answer = (match[1] if (match := TEXT.fullmatch(text)) else text for text in (reference, answer))
        if words is not None and tidy(reference) not in ("(-∞,∞)", "∅"):
            return same_words(words, answer), "compared as words"
        wanted, came = tidy(reference), tidy(answer)
        if squeeze(wanted) == squeeze(came):
            return True, "same text after normalisation"
        if _names_differ(wanted, came):
            return False, "different variables"
        if _are_inequalities(wanted, came) and (verdict := self._scalars.same(wanted, came)) is not False:
            return verdict, self._scalars.how
        verdict = self._same(_node_of(wanted), _node_of(came))
        return verdict, self._how or self._scalars.how

    def _same(self, wanted: Node, came: Node) -> bool | None:
        self._how = ""
        if isinstance(wanted, Named) or isinstance(came, Named):
            return self._same_named(wanted, came)
        if isinstance(wanted, Matrix) or isinstance(came, Matrix):
            return self._same_matrix(wanted, came)
        if isinstance(wanted, Union) or isinstance(came, Union):
            return self._same_unions(wanted, came)
        if isinstance(wanted, Items) and isinstance(came, Items):
            return self._same_items(wanted, came)
        only = _only_member(wanted), _only_member(came)
        if isinstance(only[0], Scalar) and isinstance(only[1], Scalar):
            return self._scalars.same(only[0].text, only[1].text)
        if only != (wanted, came):
            return self._same(*only)
        self._how = "different shapes"
        return False

    def _same_unions(self, wanted: Node, came: Node) -> bool | None:
        self._how = "compared as sets of real numbers"
        verdict = same_real_set(wanted, came)
        return self._same_members(_parts(wanted), _parts(came)) if verdict is None else verdict

    def _same_items(self, wanted: Items, came: Items) -> bool | None:
        if wanted.brackets == came.brackets == "⦃⦄":
            return self._same_sets(wanted.nodes, came.nodes)
        if len(wanted.nodes) != len(came.nodes):
            only = _only_member(wanted), _only_member(came)
            if only != (wanted, came):
                return self._same(*only)
            self._how = f"{len(wanted.nodes)} parts expected, {len(came.nodes)} found"
            return False
        if wanted.is_unordered:
            is_listed = (
                came.is_unordered or came.brackets in ("[]", "⟦⟧") or (wanted.brackets == "" and came.brackets == "()")
            )
            return self._same_members(wanted.nodes, came.nodes) if is_listed else False
        # An array, ⟦1, 2⟧, is a sequence and never an interval; (1, 2] is nothing else.
        is_array = "⟦⟧" in (wanted.brackets, came.brackets) and not {"(]", "[)"} & {wanted.brackets, came.brackets}
        is_loose = (len(wanted.nodes) != 2 and came.brackets != "⦃⦄") or is_array
        is_bare_tuple = wanted.brackets == "()" and came.brackets == ""
        if not (wanted.brackets == came.brackets or is_loose or is_bare_tuple):
            self._how = f"brackets {wanted.brackets} expected, {came.brackets or 'none'} found"
            may_be_point = (wanted.brackets, came.brackets) == ("()", "[]")
            return self._same_point(wanted, came) if may_be_point else False
        return self._same_in_order(wanted, came)

    def _same_point(self, wanted: Items, came: Items) -> bool | None:
        """A list [3, 4] may be the point (3, 4) or a closed interval; [4, 3] is no interval."""
        verdict = self._same_in_order(wanted, came)
        return verdict and (True if self._lists_are_points or is_descending(wanted.nodes) else None)

    def _same_in_order(self, wanted: Items, came: Items) -> bool | None:
        return combined(self._same(a, b) for a, b in zip(wanted.nodes, came.nodes, strict=True))

    def _same_members(self, wanted: Sequence[Node], came: Sequence[Node]) -> bool | None:
        """Whether each member has a partner of its own, in any order."""
        left = list(came)
        if len(left) != len(wanted):
            return False
        is_open = False
        for member in wanted:
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

    def _same_sets(self, wanted: Sequence[Node], came: Sequence[Node]) -> bool | None:
        """Whether each member of either set is one of the other: ``{1, 1, 2}`` is ``{1, 2}``."""
        if len(wanted) == len(came):
            verdict = self._same_members(wanted, came)
            if verdict is not False:
                return verdict
        sides = ((a, came) for a in wanted), ((b, wanted) for b in came)
        return combined(_best(self._until_found(member, others)) for side in sides for member, others in side)

    def _same_named(self, wanted: Node, came: Node) -> bool | None:
        self._how = "compared by the variables' names"
        if isinstance(wanted, Named) and isinstance(came, Named):
            theirs = dict(came.pairs)
            if {name for name, _ in wanted.pairs} != {*theirs}:
                return False
            return combined(self._same(node, theirs[name]) for name, node in wanted.pairs)
        named, other = (wanted, came) if isinstance(wanted, Named) else (came, wanted)
        other = _only_member(other)
        if not isinstance(named, Named) or not isinstance(other, Items):
            return False
        values = named.in_order()
        if len(other.nodes) != len(values) or (other.brackets == "⦃⦄" and other is came):
            return False
        if other is wanted and other.is_unordered:
            return self._same_members(other.nodes, values)
        pairs = zip(values, other.nodes, strict=True)
        return combined(self._same(a, b) if named is wanted else self._same(b, a) for a, b in pairs)

    def _same_matrix(self, wanted: Node, came: Node) -> bool | None:
        self._how = "compared as matrices"
        rows, other = _rows(wanted), _rows(came)
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


def _in_digits(text: str, other: str, *, is_answer: bool = False) -> str:
    r"""Number words in digits: ``\text{seven}``, ``Twenty-one dollars``; ``seven apples`` only beside a number."""
    plain = unwrap_text(text).strip(" .$")
    if negative := re.match(r"(?:negative|minus)\s+(?=\S)", plain, re.IGNORECASE):
        return f"-{_in_digits(plain[negative.end() :], other, is_answer=is_answer)}"
    found = number_of_words(plain) if plain[:1].isalpha() else None
    if found is None or not (not found[1] or read_unit(found[1]) or (is_answer and re.fullmatch(r"[\W\d]+", other))):
        return text
    return " ".join(found).strip()


def _member_of(text: str) -> str:
    """What stands behind ``x ∈``."""
    name, sign, rest = text.partition("∈")
    is_membership = sign and rest.strip() and len(name.strip()) <= 12 and not name.startswith(("⦃", "{"))
    return rest.strip() if is_membership else text


def _node_of(text: str) -> Node:
    """The shape of an answer; of what ``A =`` assigns, if that has a shape."""
    node = read_node(_member_of(text))
    relation = read_relation(text) if isinstance(node, Scalar) else None
    if relation is not None and relation.assigned is not None:
        assigned = read_node(relation.assigned[1])
        return node if isinstance(assigned, Scalar) else assigned
    return node


def _are_inequalities(wanted: str, came: str) -> bool:
    relations = read_relation(wanted), read_relation(came)
    return all(relation is not None and relation.sign != "=" for relation in relations)


def _names_differ(wanted: str, came: str) -> bool:
    """Whether both assign to, or bound, a variable, and not the same one: ``x = 5`` and ``y = 5``."""
    names = []
    for text in (wanted, came):
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
    """What a list, set or pair of brackets with one member holds."""
    while isinstance(node, Items) and len(node.nodes) == 1:
        node = node.nodes[0]
    return node


def _rows(node: Node) -> list[list[Node]] | None:
    """The rows of a matrix, or of a list that spells one; a flat list or tuple is one row."""
    if isinstance(node, Matrix):
        return [list(row) for row in node.rows]
    if isinstance(node, Scalar) and (column := _COLUMN.fullmatch(node.text)) is not None:
        return [[Scalar(column[1])], [Scalar(column[2])]]
    if not isinstance(node, Items) or node.brackets in ("⦃⦄", "{}"):
        return None
    if all(isinstance(row, Items) for row in node.nodes):
        return [list(row.nodes) for row in node.nodes if isinstance(row, Items)]
    return [list(node.nodes)]
