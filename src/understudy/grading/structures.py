r"""The outer shape of a mathematical answer: sequence, set, interval, union, matrix, or a single expression.

In: a tidy text. Out: a ``Node``. Not here: what single expressions are worth, when two nodes are equal.

Python's and sympy's spellings are shapes too: ``[1, 2]``, ``Matrix([[1], [2]])``, ``Interval.open(0, oo)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_DEPTH = 6
MAX_ITEMS = 64

_OPENING, _CLOSING = "([{⦃", ")]}⦄"
_MATRIX = re.compile(
    r"\\begin\s*\{[pbBvV]?(?:small)?(?:matrix|array)\}\s*(?:\{[lcr|]*\})?(.*)\\end\s*\{\w+\}", re.DOTALL
)
_CALL = re.compile(r"([A-Za-z]+(?:\.[A-Za-z]+)?)\((.*)\)", re.DOTALL)
_MATRIX_TYPES = frozenset(
    {"Matrix", "ImmutableMatrix", "ImmutableDenseMatrix", "MutableDenseMatrix", "array", "matrix"}
)
_SET_TYPES = frozenset({"FiniteSet", "set", "frozenset"})
_INTERVALS = {
    "Interval": "[]",
    "Interval.open": "()",
    "Interval.Lopen": "(]",
    "Interval.Ropen": "[)",
}
_RELATION = re.compile(r"([≤<≥>])")
_VARIABLE = re.compile(r"\\?[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single expression."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """Several nodes between two brackets, or between none: ``(2, 4]``, ``⦃1, 2⦄``, ``1, 2``."""

    opening: str
    closing: str
    nodes: tuple[Node, ...]

    @property
    def brackets(self) -> str:
        return self.opening + self.closing

    @property
    def is_unordered(self) -> bool:
        return self.brackets in ("", "⦃⦄")


@dataclass(frozen=True, slots=True)
class Union:
    """Sets that are one set together."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of expressions."""

    rows: tuple[tuple[Node, ...], ...]


Node = Scalar | Items | Union | Matrix


def read_node(text: str, depth: int = 0) -> Node:
    """The shape of a tidy text. What has no outer shape, or too much of it, is a ``Scalar``."""
    text = text.strip()
    if depth > MAX_DEPTH:
        return Scalar(text)
    for read in (_read_union, _read_matrix, _read_call, _read_inequality, _read_items, _read_both_signs):
        node = read(text, depth + 1)
        if node is not None:
            return node
    return Scalar(text)


def _read_union(text: str, depth: int) -> Node | None:
    if "∪" not in text:
        text = re.sub(r"(?<=[)\]⦄])\s*U\s*(?=[(\[⦃])", "∪", text)
    parts = split_outside(text, "∪")
    return Union(tuple(read_node(part, depth) for part in parts)) if 1 < len(parts) <= MAX_ITEMS else None


def _read_matrix(text: str, depth: int) -> Node | None:
    match = _MATRIX.fullmatch(text)
    if match is None:
        return None
    rows = [row for row in match[1].split("⏎") if row.strip()]
    return Matrix(tuple(tuple(read_node(cell, depth) for cell in row.split("&")) for row in rows[:MAX_ITEMS]))


def _read_call(text: str, depth: int) -> Node | None:
    match = _CALL.fullmatch(text)
    if match is None:
        return None
    name, arguments = match[1], split_outside(match[2], ",")
    if name in _MATRIX_TYPES and arguments[0].strip().startswith("["):
        return read_node(arguments[0], depth)
    if name in _SET_TYPES:
        inner = match[2].strip()
        if name != "FiniteSet" and inner[:1] in "([{⦃":
            inner = inner[1:-1]
        return Items("⦃", "⦄", _nodes(inner, depth))
    if name == "Union":
        return Union(tuple(read_node(argument, depth) for argument in arguments))
    if name in _INTERVALS and len(arguments) >= 2:
        opening, closing = _INTERVALS[name][0], _INTERVALS[name][1]
        flags = [argument.strip() == "True" for argument in arguments[2:4]]
        if name == "Interval" and len(flags) == 2:
            opening, closing = "(" if flags[0] else "[", ")" if flags[1] else "]"
        opening = "(" if "∞" in arguments[0] else opening
        closing = ")" if "∞" in arguments[1] else closing
        return Items(opening, closing, (read_node(arguments[0], depth), read_node(arguments[1], depth)))
    return None


def _read_inequality(text: str, depth: int) -> Node | None:
    """``-2 ≤ x < 7`` and ``x > 3`` as intervals; ``7 > x ≥ -2`` turned round."""
    parts = [part.strip() for part in _RELATION.split(text)]
    if len(parts) == 3 and _VARIABLE.fullmatch(parts[0]) and parts[2]:
        return _half_line(parts[1], parts[2], depth)
    if len(parts) == 3 and _VARIABLE.fullmatch(parts[2]) and parts[0]:
        return _half_line({"<": ">", ">": "<", "≤": "≥", "≥": "≤"}[parts[1]], parts[0], depth)
    if len(parts) != 5 or not _VARIABLE.fullmatch(parts[2]):
        return None
    relations = parts[1] + parts[3]
    if not (set(relations) <= set("<≤") or set(relations) <= set(">≥")):
        return None
    low, first, _, second, high = parts if relations[0] in "<≤" else parts[::-1]
    opening, closing = "[" if first in "≤≥" else "(", "]" if second in "≤≥" else ")"
    return Items(opening, closing, (read_node(low, depth), read_node(high, depth)))


def _half_line(relation: str, end: str, depth: int) -> Node:
    node = read_node(end, depth)
    if relation in "<≤":
        return Items("(", ")" if relation == "<" else "]", (Scalar("-∞"), node))
    return Items("(" if relation == ">" else "[", ")", (node, Scalar("∞")))


def _read_items(text: str, depth: int) -> Node | None:
    if len(split_outside(text, ",")) > 1:
        return Items("", "", _nodes(text, depth))
    if not text or text[0] not in _OPENING or not _encloses(text):
        return None
    opening, inner, closing = text[0], text[1:-1], text[-1]
    nodes = _nodes(inner, depth)
    if opening == "{" and closing == "}":
        opening, closing = ("⦃", "⦄") if len(nodes) > 1 else ("{", "}")
    if len(nodes) == 1 and opening + closing in ("()", "{}"):
        return nodes[0] if not isinstance(nodes[0], Scalar) else None
    return Items(opening, closing, nodes)


def _nodes(text: str, depth: int) -> tuple[Node, ...]:
    parts = split_outside(text, ",")
    nodes = [read_node(part, depth) for part in parts[: MAX_ITEMS + 1] if part.strip()]
    # A pair of signs inside a longer enumeration is two of its members.
    return tuple(inner for node in nodes for inner in _spread(node))


def _spread(node: Node) -> tuple[Node, ...]:
    is_pair = isinstance(node, Items) and node.brackets == "" and len(node.nodes) == 2
    return node.nodes if is_pair and isinstance(node, Items) else (node,)


def _read_both_signs(text: str, depth: int) -> Node | None:
    if text.count("±") != 1:
        return None
    return Items("", "", tuple(read_node(text.replace("±", sign), depth) for sign in ("+", "-")))


def _encloses(text: str) -> bool:
    """Whether the first sign's bracket is closed by the last sign."""
    depth = 0
    for index, sign in enumerate(text):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth <= 0:
            return index == len(text) - 1 and depth == 0
    return False


def split_outside(text: str, separator: str) -> list[str]:
    """Split at the separators that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if sign == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
