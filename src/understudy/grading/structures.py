r"""The outer shape of a mathematical answer: sequence, set, interval, union, matrix, or a single expression.

In: a tidy text. Out: a ``Node``. Not here: values of single expressions, equality of nodes. Python's and sympy's
spellings are shapes too: ``[1, 2]``, ``Matrix([[1], [2]])``, ``Interval.open(0, oo)``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

MAX_DEPTH = 6
MAX_ITEMS = 64

_OPENING, _CLOSING = "([{⦃⟦", ")]}⦄⟧"
_MATRIX = re.compile(
    r"((?:[^\\\[({|⦃&=]|\\frac\s*\{[^{}]*\}\s*\{[^{}]*\}|\\sqrt\s*\{[^{}]*\})*?)\s*\*?\s*[(\[|⦃]*\s*\\begin\s*\{[pbBvV]?(?:small)?(?:matrix|array)\*?\}\s*(?:\[[lcr]\]|\{[lcr|@{}\s]*\})?(.*?)"
    r"\\end\s*\{\w+\*?\}\s*[)\]|⦄]*(\s*\^\s*(?:\{\s*)?(?:T|\\top)\s*\}?)?",
    re.DOTALL,
)
_PLAIN_MATRIX = re.compile(r"\\(?:[pb]?matrix|smallmatrix)\s*\{(.*)\}", re.DOTALL)
_SET_BUILDER = re.compile(r"[⦃{]\s*\\?[A-Za-z]+\s*(?:∈\s*\(-∞,∞\)\s*)?[|:]\s*(.+)[⦄}]", re.DOTALL)
_TURNED = re.compile(r"([\[\]])([^\[\](){}]*,[^\[\](){}]*)([\[\]])")
"""``]0, 1[`` is an open interval in French, and ``[0, 1[`` a half-open one."""
_DISTANCE = re.compile(r"\|\s*([A-Za-z])\s*(?:([-+])\s*([^|]+))?\|")
_RELATION = re.compile(r"([≤<≥>≠])")
_VARIABLE = re.compile(r"\\?[A-Za-z]+\s*(?:_\s*(?:\w|\{\w+\}))?'*")


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
    is_interval: bool = field(default=False, compare=False)
    """It was written as an inequality, so it is certainly no point."""

    @property
    def brackets(self) -> str:
        return self.opening + self.closing

    @property
    def is_unordered(self) -> bool:
        return self.brackets in ("", "⦃⦄")


@dataclass(frozen=True, slots=True)
class Union:
    """A union of sets."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of expressions."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Values of several variables."""

    pairs: tuple[tuple[str, Node], ...]

    def in_order(self) -> tuple[Node, ...]:
        """The values in the alphabetical order of their names, as a tuple without names lists them."""
        return tuple(node for _, node in sorted(self.pairs, key=lambda pair: pair[0]))


Node = Scalar | Items | Union | Matrix | Named


REAL_LINE = Items("(", ")", (Scalar("-∞"), Scalar("∞")))


def read_node(text: str, depth: int = 0) -> Node:
    """The shape of a tidy text. A text without an outer shape, or too deeply nested, is a ``Scalar``."""
    text = text.strip()
    if depth > MAX_DEPTH:
        return Scalar(text)
    for read in (
        _read_set_builder,
        _read_named,
        _read_union,
        _read_matrix,
        _read_inequality,
        _read_items,
        _read_both_signs,
    ):
        node = read(text, depth + 1)
        if node is not None:
            return node
    return Scalar(text)


def _read_union(text: str, depth: int) -> Node | None:
    if "∪" not in text:
        text = re.sub(r"(?<=[)\]⦄])\s*U\s*(?=[(\[⦃])", "∪", text)
    whole, sign, holes = text.partition(r"\setminus")
    if sign and (without := _read_without(whole, holes, depth)) is not None:
        return without
    parts = split_outside(text, "∪")
    return Union(tuple(read_node(part, depth) for part in parts)) if 1 < len(parts) <= MAX_ITEMS else None


def _read_set_builder(text: str, depth: int) -> Node | None:
    r"""``\{x \mid 0 < x < 1\}``: the set that the condition describes."""
    match = _SET_BUILDER.fullmatch(text)
    condition = read_node(match[1], depth) if match else None
    return None if isinstance(condition, Scalar) else condition


def _read_without(whole: str, holes: str, depth: int) -> Node | None:
    r"""``ℝ \setminus \{1, 2\}`` as a union of intervals; the holes come in order."""
    points = read_node(holes, depth)
    if read_node(whole, depth) != REAL_LINE or not isinstance(points, Items) or points.brackets not in ("⦃⦄", "{}"):
        return None
    ends = (Scalar("-∞"), *points.nodes, Scalar("∞"))
    return Union(tuple(Items("(", ")", pair) for pair in pairwise(ends)))


def _read_matrix(text: str, depth: int) -> Node | None:
    match = _MATRIX.fullmatch(text)
    plain = _PLAIN_MATRIX.fullmatch(text) if match is None else None
    found = match or plain
    if found is None:
        return None
    rows = [[cell.strip() for cell in row.split("&")] for row in found[2 if match else 1].split("⏎") if row.strip()][
        :MAX_ITEMS
    ]
    if match is not None and match[3] and len({*map(len, rows)}) == 1:
        rows = [list(column) for column in zip(*rows, strict=True)]
    factor = match[1].strip() if match else ""
    if factor:
        rows = [[f"({factor})*({cell})" if factor != "-" else f"-({cell})" for cell in row] for row in rows]
    return Matrix(tuple(tuple(read_node(cell, depth) for cell in row) for row in rows))


def _read_named(text: str, depth: int) -> Node | None:
    """``x = 3, y = 4`` and ``(x, y) = (3, 4)``: values by their names, if there are several names."""
    left, sign, right = text.partition("=")
    names = [name.strip() for name in _without_brackets(left).split(",")]
    if sign and len(names) > 1 and all(map(_VARIABLE.fullmatch, names)):
        values = read_node(right, depth)
        if isinstance(values, Items) and len(values.nodes) == len(names) == len({*names}):
            return Named(tuple(zip(names, values.nodes, strict=True)))
        return values if isinstance(values, Items) else None
    pairs = [part.partition("=") for part in split_outside(_without_brackets(text, "⦃[("), ",")]
    names = [name.strip() for name, _, _ in pairs]
    if not 1 < len({*names}) == len(names) or not all(
        _VARIABLE.fullmatch(name.strip()) and value for name, _, value in pairs
    ):
        return None
    return Named(tuple((name.strip(), read_node(value, depth)) for name, _, value in pairs))


def _without_brackets(text: str, opening: str = "(") -> str:
    text = text.strip()
    return text[1:-1] if text and text[0] in opening and _encloses(text) else text


def _read_inequality(text: str, depth: int) -> Node | None:
    """``-2 ≤ x < 7``, ``x > 3`` and ``x ≠ 2`` as intervals; ``7 > x ≥ -2`` turned round."""
    parts = [part.strip() for part in _RELATION.split(text)]
    if len(parts) == 3 and _VARIABLE.fullmatch(parts[0]) and parts[2]:
        return _half_line(parts[1], parts[2], depth)
    if len(parts) == 3 and (distance := _DISTANCE.fullmatch(parts[0])) is not None and parts[2]:
        return _within(distance, parts[1], parts[2], depth)
    if len(parts) == 3 and _VARIABLE.fullmatch(parts[2]) and parts[0]:
        return _half_line({"<": ">", ">": "<", "≤": "≥", "≥": "≤", "≠": "≠"}[parts[1]], parts[0], depth)
    if len(parts) != 5 or not _VARIABLE.fullmatch(parts[2]):
        return None
    relations = parts[1] + parts[3]
    if not (set(relations) <= set("<≤") or set(relations) <= set(">≥")):
        return None
    low, first, _, second, high = parts if relations[0] in "<≤" else parts[::-1]
    opening, closing = "[" if first in "≤≥" else "(", "]" if second in "≤≥" else ")"
    return Items(opening, closing, (read_node(low, depth), read_node(high, depth)), is_interval=True)


def _within(distance: re.Match[str], relation: str, radius: str, depth: int) -> Node | None:
    """``|x - 2| ≤ 3`` as an interval, ``|x| > 1`` as two half-lines."""
    centre = f"{'-' if distance[2] == '+' else ''}({distance[3]})" if distance[2] else ""
    low, high = (read_node(f"{centre}{sign}({radius})", depth) for sign in "-+")
    if relation in "<≤":
        return Items("(["[relation == "≤"], ")]"[relation == "≤"], (low, high), is_interval=True)
    if relation in ">≥":
        below = Items("(", ")]"[relation == "≥"], (Scalar("-∞"), low))
        return Union((below, Items("(["[relation == "≥"], ")", (high, Scalar("∞")))))
    return None


def _half_line(relation: str, end: str, depth: int) -> Node:
    node = read_node(end, depth)
    if relation == "≠":
        return Union((Items("(", ")", (Scalar("-∞"), node)), Items("(", ")", (node, Scalar("∞")))))
    if relation in "<≤":
        return Items("(", ")" if relation == "<" else "]", (Scalar("-∞"), node))
    return Items("(" if relation == ">" else "[", ")", (node, Scalar("∞")))


def _read_items(text: str, depth: int) -> Node | None:
    if len(split_outside(text, ",")) > 1:
        return Items("", "", _nodes(text, depth))
    if (turned := _TURNED.fullmatch(text)) is not None and turned[1] + turned[3] != "[]":
        text = f"{'(' if turned[1] == ']' else '['}{turned[2]}{')' if turned[3] == '[' else ']'}"
    if not text or text[0] not in _OPENING or not _encloses(text):
        return None
    opening, inner, closing = text[0], text[1:-1], text[-1]
    nodes = _nodes(inner, depth)
    if opening == "{" and closing == "}":
        opening, closing = ("⦃", "⦄") if len(nodes) > 1 else ("{", "}")
    if not nodes and opening in "⦃{":
        return Scalar("∅")
    if len(nodes) == 1 and opening + closing in ("()", "{}") and not inner.rstrip().endswith(","):
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
