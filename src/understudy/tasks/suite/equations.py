"""The equations of a worked solution, and code that computes them.

In: a chain of thought in words, such as "240 mushrooms / 4 mushrooms/minute = 60 minutes". Out: its correct equations
in plain numbers, and lines of Python that compute later results from earlier ones.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from understudy.python_syntax import parse_expression

_NUMBER = r"\d+(?:\.\d+)?"
_SUM = re.compile(rf"(?:[(\s]*{_NUMBER}[)\s]*[-+*/]\s*)+[(\s]*{_NUMBER}[)\s]*$")
_RESULT = re.compile(rf"\s*[$€£¥]?\s*(-?{_NUMBER})")
_WORD = re.compile(r"[A-Za-z$€£¥']+(?:/[A-Za-z]+)?")
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
LAST = "result"
"""The variable that holds the answer."""


@dataclass(frozen=True, slots=True)
class Equation:
    """An arithmetic expression in Python's notation, and its result."""

    sum: str
    result: str

    @property
    def operations(self) -> str:
        """The operators in order, such as ``*-``."""
        return re.sub(r"[^-+*/]", "", self.sum)


def equations_in(text: str) -> tuple[Equation, ...]:
    """The correct equations in a text."""
    found = []
    for line in text.splitlines():
        parts = _plain(line).split("=")
        for left, right in pairwise(parts):
            without_words = re.sub(r"[^\d.+\-*/() ]", " ; ", _WORD.sub(" ", left))
            stated, result = _SUM.search(without_words.strip()), _RESULT.match(right)
            if stated and result and _holds(total := _balanced(stated.group()), float(result.group(1))):
                found.append(Equation(total, result.group(1)))
    return tuple(found)


def code_of(equations: Sequence[Equation]) -> str:
    """Python that computes the equations one after the other and prints the last result."""
    names: dict[str, str] = {}
    lines = []
    for number, equation in enumerate(equations):
        name = LAST if number == len(equations) - 1 else "abcdefghijklm"[number]
        total = re.sub(_NUMBER, lambda found: names.get(found.group(), found.group()), equation.sum)
        lines.append(f"{name} = {total}")
        names[equation.result] = name
    return "\n".join([*lines, f"print({LAST})"])


def _plain(line: str) -> str:
    """The line with Python's signs of multiplication and division, and without commas."""
    line = line.replace("×", "*").replace("÷", "/").replace(",", "")
    return re.sub(r"(\d)%", r"\1 % ", re.sub(r"(?<=\d)\s*x\s*(?=[\d(])", " * ", line))


def _balanced(text: str) -> str:
    """The expression without unbalanced brackets."""
    total = " ".join(text.split())
    if total.count("(") == total.count(")"):
        return total
    return total.replace("(", "").replace(")", "")


def _holds(total: str, result: float) -> bool:
    try:
        return abs(_value(parse_expression(total)) - result) < 1e-6
    except (SyntaxError, ZeroDivisionError):
        return False


def _value(node: ast.expr) -> float:
    """The value of an expression. Raises ``SyntaxError`` for anything else."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return float(_OPERATORS[type(op)](_value(left), _value(right)))
    raise SyntaxError(f"expected a sum, came {ast.dump(node)}")
