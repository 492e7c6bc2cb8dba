"""The text of a final answer: numbers, lists and sets in the plain form that graders read, whatever their library.

In: any object of the code, hostile or broken ones too. Out: text, such as ``[1, 2, 3]`` for an array and ``(0, 1]`` for
a sympy interval. Not here: values as a notebook shows them (``errors.py``); judging the answer.
"""

from __future__ import annotations

import datetime
import enum
from collections import deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Set, ValuesView
from itertools import islice
from typing import Any

_MAX_ITEMS = 20_000
_MAX_DEPTH = 40
_LISTS = (list, range, deque, KeysView, ItemsView, ValuesView)


def answer_text(value: object) -> str:
    """Text as it is, everything else in plain form. Raises whatever the object's own methods raise."""
    return str(value) if isinstance(value, str) and not isinstance(value, enum.Enum) else _written(value, 0)


def _written(value: Any, depth: int) -> str:
    if depth > _MAX_DEPTH:
        return str(value)
    if isinstance(value, enum.Enum):
        return _written(value.value, depth)
    if isinstance(value, str):
        return str(value) if depth == 0 else str.__repr__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, complex):
        return str(value).strip("()").replace("j", "i")
    if isinstance(value, datetime.timedelta):
        return _duration(value)
    if isinstance(value, (tuple, list, dict)):  # a library's own too, such as the result of numpy's eig
        return _container(value, depth)
    write = _LIBRARIES.get(type(value).__module__.partition(".")[0])
    return _container(value, depth) if write is None else write(value, depth)


def _container(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_written(k, depth + 1)}: {_written(v, depth + 1)}" for k, v in islice(value.items(), _MAX_ITEMS))
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Set) and not isinstance(value, (KeysView, ItemsView)):
        return "{" + _joined(_in_order(value), depth) + "}" if value else "∅"
    if isinstance(value, tuple):
        return f"({_joined(value, depth)})"
    if isinstance(value, _LISTS) or (isinstance(value, Iterator) and type(value).__module__ == "builtins"):
        return f"[{_joined(value, depth)}]"
    if hasattr(value, "toarray"):  # a sparse matrix
        return _written(value.toarray(), depth)
    return _listed(value, depth) if callable(getattr(value, "tolist", None)) else str(value)


def _duration(value: datetime.timedelta) -> str:
    """``2 days`` or ``26:30:00``; Python's own text mixes both."""
    seconds, part = divmod(value, datetime.timedelta(seconds=1))
    if seconds < 0 or part:
        return str(value)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{value.days} days" if seconds and seconds % 86400 == 0 else f"{hours}:{minute:02}:{second:02}"


def _joined(values: Iterable[object], depth: int) -> str:
    taken = list(islice(values, _MAX_ITEMS + 1))
    texts = [_written(item, depth + 1) for item in taken[:_MAX_ITEMS]]
    return ", ".join([*texts, "…"] if len(taken) > _MAX_ITEMS else texts)


def _in_order(values: Set[Any]) -> Iterable[object]:
    """Equal sets have one text."""
    try:
        return sorted(values)
    except Exception:  # members that have no order, or an order that is not a truth value, as sympy's
        return sorted(values, key=str)


def _numpy(value: Any, depth: int) -> str:
    if type(value).__name__ == "poly1d":
        return _polynomial(value, depth)
    if isinstance(value, Iterator):
        return _listed(value, depth)
    if getattr(value, "shape", None) == ():
        plain = value.item() if value.dtype.kind in "cOSU" else str(value)  # 32 bits of 0.1 are written 0.1
        return str(plain) if depth == 0 or value.dtype.kind not in "cOSU" else _written(plain, depth)
    if depth == 0 and type(value).__name__ == "ndarray" and _is_pair(value):
        return f"array({_container(list(value), depth)})"
    if hasattr(value, "tolist") and value.size <= _MAX_ITEMS:
        return f"[{_joined(list(getattr(value, 'A', value)), depth)}]"
    return str(value)


def _polynomial(value: Any, depth: int) -> str:
    """The text of a ``poly1d``: numpy writes its exponents on a line of their own."""
    degree = len(value.coeffs) - 1
    terms = [f"({_written(factor, depth)})*{value.variable}**{degree - i}" for i, factor in enumerate(value.coeffs)]
    return " + ".join(terms)


def _is_pair(value: Any) -> bool:
    """Whether an array holds two numbers: ``[1, 2]`` alone might be read as an interval."""
    return value.shape == (2,) and value.dtype.kind in "iuf"


def _sympy(value: Any, depth: int) -> str:
    if getattr(value, "is_MatrixExpr", False) and hasattr(value, "as_explicit"):
        value = value.as_explicit()
    if hasattr(value, "tolist"):
        return _container(value.tolist(), depth)
    name = type(value).__name__
    if name in ("And", "Or"):
        value = _solutions(value)
        name = type(value).__name__
    if name in ("FiniteSet", "Range"):
        return "{" + _joined(value, depth) + "}"
    if name in _SYMPY:
        return _SYMPY[name](value, depth)
    return f"({_joined(value.args, depth)})" if name.startswith("Point") else str(value)


def _solutions(condition: Any) -> Any:
    """The set of an inequality's solutions, if it has one unknown."""
    try:
        return condition.as_set()
    except Exception:  # several unknowns, or not solvable: left as it is written
        return condition


def _interval(value: Any, depth: int) -> str:
    opening, closing = "(" if value.left_open else "[", ")" if value.right_open else "]"
    return f"{opening}{_joined((value.start, value.end), depth)}{closing}"


_SYMPY: Mapping[str, Callable[[Any, int], str]] = {
    "Interval": _interval,
    "Union": lambda value, depth: " U ".join(_written(part, depth) for part in value.args),
    "EmptySet": lambda *_: "∅",
    "Tuple": lambda value, depth: f"({_joined(value.args, depth)})",
    "Dict": lambda value, depth: _container(dict(value.items()), depth),
    "Reals": lambda *_: "(-oo, oo)",
    "Lambda": lambda value, _: str(value.expr),
    "Unequality": lambda value, _: f"{value.lhs} != {value.rhs}",
    "Equality": lambda value, _: f"{value.lhs} = {value.rhs}",
    "Poly": lambda value, _: str(value.as_expr()),
}


def _pandas(value: Any, depth: int) -> str:
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return _container(value.to_dict("records"), depth)
    if not hasattr(value, "tolist"):
        return str(value)
    listed = _container(value.tolist(), depth)
    return f"array({listed})" if depth == 0 and _is_pair(value) else listed


def _listed(value: Any, depth: int) -> str:
    """An iterator or an array of a library whose own text is of no use."""
    return f"[{_joined(value.tolist() if hasattr(value, 'tolist') else value, depth)}]"


_LIBRARIES: Mapping[str, Callable[[Any, int], str]] = {
    "numpy": _numpy,
    "sympy": _sympy,
    "pandas": _pandas,
    "itertools": _listed,
    "array": _listed,
    "mpmath": lambda value, depth: _listed(value, depth) if hasattr(value, "tolist") else str(value),
}
