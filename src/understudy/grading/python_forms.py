"""Python's, numpy's and sympy's spellings of values, as plain text: ``array([1, 2])``, ``np.int64(3)``, ``{x: 3}``.

In: an answer as a program printed it. Out: the same value in plain notation, ``⟦1, 2⟧``, ``3``, ``x = 3``; any other
text unchanged. Not here: evaluation. The text is parsed as Python and rewritten, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from understudy.python_syntax import parse_module

MAX_CHARS = 4_000
_LARGEST_IDENTITY = 12
"""Rows and columns of an identity matrix that is written out."""

_LOOKS_PYTHON = re.compile(
    r"[A-Za-z_]\w*\(|^\W*\{.*:|['\"]|\b(?:EmptySet|Reals)\b|\b(?:np|numpy|math|sympy)\.", re.DOTALL
)
_LONE_BACKSLASH = re.compile(r"(?<!\\)\\(?![\\'\"])")
_NUMPY_ROW = re.compile(r"\[((?:[^\[\],;()&\\=]*\s)?[^\[\],;()&\\=]*)\]")
_NUMPY_CELL = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:[-+](?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?j)?|[-+]?(?:inf|nan)|True|False|'[^']*'"
)
_MATLAB = re.compile(r"\[([-+\d.eE,\s/]+(?:;[-+\d.eE,\s/]+)+)\]")
_MODULES = frozenset(
    {"np", "numpy", "sp", "sympy", "sym", "math", "cmath", "mpmath", "mp", "torch", "fractions", "decimal"}
)
_MEMBERS_FIRST = frozenset(
    "array matrix Matrix ImmutableMatrix ImmutableDenseMatrix MutableDenseMatrix SparseMatrix asarray list tuple "
    "tensor Array ImmutableDenseNDimArray deque dict_values dict_keys odict_values odict_keys".split()
)
"""Constructors with one argument, a sequence, which is their value."""
_NUMBERS = re.compile(
    r"(?:u?int|float|complex|longlong|half|single|double|str|bool|bytes)\d*_?|[Ff]loat|Integer|Decimal|mpf|mpc|mpq|S|Symbol|sympify|item"
)
_SETS = frozenset({"set", "frozenset", "FiniteSet"})
_POINTS = frozenset({"Point", "Point2D", "Point3D", "Tuple"})
_INTERVALS = {"open": "()", "Lopen": "(]", "Ropen": "[)", "": "[]"}
_NAMES = {"EmptySet": "∅", "Reals": "(-∞, ∞)", "oo": "∞", "inf": "∞", "True_": "True", "False_": "False"}
_RELATIONS = {"Eq": "=", "Ne": "≠", "Lt": "<", "Le": "≤", "Gt": ">", "Ge": "≥", "StrictLessThan": "<", "LessThan": "≤",
              "StrictGreaterThan": ">", "GreaterThan": "≥"}  # fmt: skip


def plain_python(text: str) -> str:
    """The text in plain notation if it is a Python value of a known kind; otherwise unchanged."""
    text = text.strip()
    if len(text) > MAX_CHARS:
        return text
    text = _comma_separated(text)
    if not _LOOKS_PYTHON.search(text):
        return text
    try:
        # Within quotes LaTeX stands with one backslash or, if a program printed it, with two.
        statements = parse_module(_LONE_BACKSLASH.sub(r"\\\\", text)).body
        if len(statements) != 1 or not isinstance(statements[0], ast.Expr | ast.Assign):
            return text
        rewriter = _Rewriter()
        plain = ast.unparse(rewriter.visit(statements[0]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    return plain.strip() if rewriter.changed else text


def _comma_separated(text: str) -> str:
    """Numpy prints ``[1 2 3]`` and ``[[1 2]\\n [3 4]]``: blanks become commas."""
    if "[" not in text:
        return text
    if (rows := _MATLAB.fullmatch(text)) is not None:
        return f"[{', '.join(f'[{_commas(row)}]' for row in rows[1].split(';'))}]"
    row = _NUMPY_ROW.fullmatch(text)
    if row is not None and (commas := _with_commas(row)) != text:
        return f"⟦{commas[1:-1]}⟧"
    text = _NUMPY_ROW.sub(_with_commas, text)
    return re.sub(r"\]\s+\[", "], [", text)


def _commas(row: str) -> str:
    return ", ".join(row.replace(",", " ").split())


def _with_commas(match: re.Match[str]) -> str:
    cells = _NUMPY_CELL.findall(match[1])
    return f"[{', '.join(cells)}]" if len(cells) > 1 and " ".join(cells) == " ".join(match[1].split()) else match[0]


class _Rewriter(ast.NodeTransformer):
    """Rewrites the tree. A ``Name`` carries notation that Python lacks, because it is printed verbatim."""

    def __init__(self) -> None:
        self.changed = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        path = _dotted(node.func)
        self.generic_visit(node)
        if len(path) > 1 and path[0] in _MODULES:
            node.func = ast.Name(".".join(path[1:]))
            self.changed = True
        rewrite = _rewriting(path)
        found = rewrite(node, path) if rewrite else None
        self.changed = self.changed or found is not None
        return found or node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        path = _dotted(node)
        if len(path) > 1 and path[0] in (*_MODULES, "S"):
            self.changed = True
            return self.visit_Name(ast.Name(path[-1]))
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in _NAMES:
            self.changed = True
            return ast.Name(_NAMES[node.id])
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str | bytes):
            self.changed = True
            return ast.Name(node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace"))
        return node

    def visit_Set(self, node: ast.Set) -> ast.AST:
        self.generic_visit(node)
        return _set_of(node.elts)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        if not all(isinstance(key, ast.Name) for key in node.keys):
            return node
        self.changed = True
        pairs = zip(node.keys, node.values, strict=True)
        return ast.Name(", ".join(f"{ast.unparse(k) if k else ''} = {ast.unparse(v)}" for k, v in pairs))


def _dotted(node: ast.AST) -> list[str]:
    """The names of ``a.b.c``; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else []


def _set_of(members: list[ast.expr]) -> ast.Name:
    return ast.Name("⦃" + ", ".join(map(ast.unparse, members)) + "⦄" if members else "∅")


def _members(node: ast.Call, _path: list[str]) -> ast.AST | None:
    """``array([1, 2], dtype=int)``: the sequence. ``Matrix(2, 1, [1, 2])``: its rows."""
    if not node.args:
        return ast.List([])
    if (
        len(node.args) == 3
        and all(isinstance(a, ast.Constant) for a in node.args[:2])
        and isinstance(node.args[2], ast.List)
    ):
        n_rows, n_columns = (a.value for a in node.args[:2] if isinstance(a, ast.Constant))
        cells = node.args[2].elts
        if isinstance(n_rows, int) and isinstance(n_columns, int) and n_rows * n_columns == len(cells) > 0:
            rows = [ast.List(cells[i : i + n_columns]) for i in range(0, len(cells), n_columns)]
            return ast.List(list(rows))
    first = node.args[0]
    is_flat = isinstance(first, ast.List) and not any(isinstance(member, ast.List) for member in first.elts)
    if isinstance(first, ast.List) and is_flat and len(first.elts) > 1:
        return ast.Name(f"⟦{', '.join(map(ast.unparse, first.elts))}⟧")
    return first


def _identity(node: ast.Call, path: list[str]) -> ast.AST | None:
    """``np.eye(2)``: its rows. ``identity`` without a module may be a function of the question."""
    sizes = _numbers_of(node)
    if node.keywords or len(sizes) != len(node.args) or not (len(path) > 1 or path == ["eye"]):
        return None
    n_rows, n_columns = sizes if len(sizes) == 2 else [*sizes, *sizes] if len(sizes) == 1 else (0, 0)
    if not (0 < n_rows <= _LARGEST_IDENTITY and 0 < n_columns <= _LARGEST_IDENTITY):
        return None
    return ast.List([ast.List([ast.Constant(int(i == j)) for j in range(n_columns)]) for i in range(n_rows)])


def _set(node: ast.Call, path: list[str]) -> ast.AST | None:
    if path[-1] == "FiniteSet":
        return _set_of(node.args)
    if not node.args:
        return ast.Name("∅")
    inner = node.args[0]
    return _set_of(inner.elts) if isinstance(inner, ast.List | ast.Tuple) else inner


def _fraction(node: ast.Call, _path: list[str]) -> ast.AST | None:
    return node.args[0] if len(node.args) == 1 else ast.BinOp(node.args[0], ast.Div(), node.args[1])


def _interval(node: ast.Call, path: list[str]) -> ast.AST | None:
    kind = path[-1] if path[-1] in _INTERVALS else ""
    flags = [isinstance(a, ast.Constant) and a.value is True for a in node.args[2:4]]
    ends = list(map(ast.unparse, node.args[:2]))
    if len(ends) != 2:
        return None
    opening, closing = _INTERVALS[kind][0], _INTERVALS[kind][1]
    if not kind and len(flags) == 2:
        opening, closing = "(" if flags[0] else "[", ")" if flags[1] else "]"
    opening, closing = "(" if "∞" in ends[0] else opening, ")" if "∞" in ends[1] else closing
    return ast.Name(f"{opening}{', '.join(ends)}{closing}")


def _relation(node: ast.Call, path: list[str]) -> ast.AST | None:
    sign = _RELATIONS[path[-1]]
    return ast.Name(f" {sign} ".join(map(ast.unparse, node.args))) if len(node.args) == 2 else None


def _numbers_of(node: ast.Call) -> list[int]:
    return [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, int)]


def _date(node: ast.Call, _path: list[str]) -> ast.AST | None:
    numbers = _numbers_of(node)
    return ast.Name("{:04}-{:02}-{:02}".format(*numbers[:3])) if len(numbers) >= 3 and not any(numbers[3:]) else None


def _time(node: ast.Call, _path: list[str]) -> ast.AST | None:
    numbers = _numbers_of(node)
    return ast.Name(":".join(f"{n:02}" for n in numbers)) if 2 <= len(numbers) <= 3 else None


def _choose(node: ast.Call, _path: list[str]) -> ast.AST | None:
    above, below = map(ast.unparse, node.args) if len(node.args) == 2 else ("", "")
    return ast.Name(rf"\binom{{{above}}}{{{below}}}") if above else None


def _logarithm(node: ast.Call, path: list[str]) -> ast.AST | None:
    """Logarithms that say their base, which ``log(x)`` does not."""
    base = path[-1].removeprefix("log") or (ast.unparse(node.args[1]) if len(node.args) == 2 else "")
    return ast.Name(rf"\log_{{{base}}}({ast.unparse(node.args[0])})") if base and node.args else None


def _factorial(node: ast.Call, _path: list[str]) -> ast.AST | None:
    return ast.Name(f"({ast.unparse(node.args[0])})!") if len(node.args) == 1 else None


def _arrangements(node: ast.Call, _path: list[str]) -> ast.AST | None:
    return ast.Name(f"P({', '.join(map(ast.unparse, node.args))})") if len(node.args) == 2 else None


def _complex(node: ast.Call, _path: list[str]) -> ast.AST | None:
    """``complex(1, 2)`` as ``1 + 2*i``."""
    real, imaginary = map(ast.unparse, node.args) if len(node.args) == 2 else ("", "")
    return ast.Name(f"{real} + ({imaginary})*i") if real else _argument(node, _path)


def _argument(node: ast.Call, _path: list[str]) -> ast.AST | None:
    return node.args[0] if node.args else None


def _rewriting(path: list[str]) -> Callable[[ast.Call, list[str]], ast.AST | None] | None:
    """How a call of this name is rewritten; None for names that are not known."""
    name = path[-1] if path else ""
    if "Interval" in path:
        return _interval
    if name in _REWRITINGS:
        return _REWRITINGS[name]
    return _argument if _NUMBERS.fullmatch(name) else None


_REWRITINGS: dict[str, Callable[[ast.Call, list[str]], ast.AST | None]] = {
    **dict.fromkeys(_MEMBERS_FIRST, _members),
    **dict.fromkeys(_SETS, _set),
    **dict.fromkeys(("Fraction", "Rational", "mpq"), _fraction),
    **dict.fromkeys(_RELATIONS, _relation),
    **dict.fromkeys(("comb", "binomial", "nCr"), _choose),
    **dict.fromkeys(("log", "log2", "log10"), _logarithm),
    "factorial": _factorial,
    **dict.fromkeys(("perm", "nPr"), _arrangements),
    "complex": _complex,
    **dict.fromkeys(("final_answer", "print"), _argument),
    **dict.fromkeys(_POINTS, lambda node, _: ast.Tuple(node.args, ast.Load())),
    **dict.fromkeys(("date", "datetime", "Timestamp"), _date),
    "time": _time,
    **dict.fromkeys(("eye", "identity"), _identity),
    "Union": lambda node, _: ast.Name(" ∪ ".join(map(ast.unparse, node.args))),
}
