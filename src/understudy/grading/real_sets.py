"""Sets of real numbers: unions of intervals and points, put in order and joined where they touch.

In: nodes. Out: whether they are the same set, or None if one of them is not such a set. Not here: pairs of numbers,
which look like intervals.
"""

from __future__ import annotations

from typing import NamedTuple

from understudy.grading.closed_form import closed_form
from understudy.grading.structures import Items, Node, Scalar, Union
from understudy.grading.values import MP, NotClosedError, Number

REL_TOL = 1e-4
"""Between ends that are written as decimals, as for plain numbers."""


class _End(NamedTuple):
    number: Number
    side: int
    """-1, 0 or 1: just below the number, at it, just above it."""
    is_decimal: bool


_Interval = tuple[_End, _End]


def same_real_set(expected: Node, actual: Node) -> bool | None:
    """Whether two nodes are one set of real numbers; None if one of them cannot be read as such a set."""
    try:
        first, second = (_joined(_intervals(node)) for node in (expected, actual))
    except NotClosedError:
        return None
    return len(first) == len(second) and all(
        _same_end(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)
    )


def is_descending(ends: tuple[Node, ...]) -> bool:
    """Whether two numbers are in the wrong order for an interval."""
    try:
        low, high = (_end(node, 0) for node in ends)
    except NotClosedError:
        return False
    return bool(low.number >= high.number)


def _intervals(node: Node) -> list[_Interval]:
    if isinstance(node, Union):
        return [interval for part in node.parts for interval in _intervals(part)]
    if isinstance(node, Items) and node.brackets in ("⦃⦄", "{}"):
        return [(_end(member, 0), _end(member, 0)) for member in node.nodes]
    if isinstance(node, Items) and node.brackets == "":
        return [interval for part in node.nodes for interval in _intervals(part)]
    if isinstance(node, Items) and len(node.nodes) == 2 and node.opening in "([" and node.closing in ")]":
        low, high = node.nodes
        return [(_end(low, 1 if node.opening == "(" else 0), _end(high, -1 if node.closing == ")" else 0))]
    raise NotClosedError("not a set of real numbers")


def _end(node: Node, side: int) -> _End:
    if not isinstance(node, Scalar):
        raise NotClosedError("not an end of an interval")
    if (text := node.text.replace(" ", "").lstrip("+")) in ("∞", "-∞"):
        return _End(MP.mpf("inf") if text == "∞" else MP.mpf("-inf"), side, False)
    value = closed_form(node.text)
    if MP.im(value.approximate):
        raise NotClosedError("not real")
    return _End(MP.re(value.approximate), side, value.is_decimal)


def _joined(intervals: list[_Interval]) -> list[_Interval]:
    joined: list[_Interval] = []
    for low, high in sorted(interval for interval in intervals if interval[0] <= interval[1]):
        # [0, 1] and (1, 2] touch, (0, 1) and (1, 2) leave out the point between them.
        if joined and low[:2] <= (joined[-1][1].number, joined[-1][1].side + 1):
            joined[-1] = joined[-1][0], max(joined[-1][1], high)
        else:
            joined.append((low, high))
    return joined


def _same_end(a: _End, b: _End) -> bool:
    if MP.isinf(a.number) or MP.isinf(b.number):
        return bool(a.number == b.number)
    rel_tol = MP.mpf(REL_TOL if a.is_decimal or b.is_decimal else "1e-40")
    return a.side == b.side and bool(abs(a.number - b.number) <= rel_tol * max(abs(a.number), abs(b.number)))
