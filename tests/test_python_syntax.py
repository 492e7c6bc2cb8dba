"""Tests of ``understudy.python_syntax``."""

from __future__ import annotations

import ast
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from understudy.agents.formats.python_code import syntax_error
from understudy.python_syntax import literal_value, parse_expression, parse_module

CODE = "\n".join(f"x{i} = f(({i} + 1) * (2 - (3 / (4 ** 5))))[a:b].c(d=[1, 2, {{3: 4}}])" for i in range(30))


class Cyclic:
    """Garbage whose end runs Python, where CPython may go on with another thread, also within ``ast.parse``."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        for _ in range(50):
            pass


@pytest.fixture
def threads_that_switch_often() -> Iterator[ThreadPoolExecutor]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            yield threads
    finally:
        sys.setswitchinterval(usual)


def test_many_threads_parse_at_once(threads_that_switch_often: ThreadPoolExecutor) -> None:
    # With ast.parse itself, CPython 3.11.7 fails within about ten trees: "AST constructor recursion depth mismatch".
    end = time.monotonic() + 1

    def parse_from(depth: int) -> int:
        if depth:
            return parse_from(depth - 1)
        n_trees = 0
        while n_trees < 10 or time.monotonic() < end:
            _ = [Cyclic() for _ in range(20)]
            assert len(parse_module(CODE).body) == 30
            assert isinstance(parse_expression("(1 + (2 * f([3])))"), ast.BinOp)
            assert literal_value(" [1, (2, {3: 'x'})]") == [1, (2, {3: "x"})]
            assert syntax_error(CODE) == ""
            n_trees += 4
        return n_trees

    assert min(threads_that_switch_often.map(parse_from, [0, 5, 10, 15])) >= 10


def test_warnings_of_the_source_are_neither_printed_nor_raised() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert literal_value(r"'\d'") == r"\d"
        assert parse_module(r"re.match('\d', x)").body


@pytest.mark.parametrize(
    ("source", "error"),
    [("f(", SyntaxError), ("a\0b", (SyntaxError, ValueError)), ("(" * 500 + ")" * 500, (SyntaxError, MemoryError))],
)
def test_errors_are_those_of_ast_parse(source: str, error: type[Exception] | tuple[type[Exception], ...]) -> None:
    for parse in (parse_module, parse_expression, literal_value):
        with pytest.raises(error):
            parse(source)


@pytest.mark.parametrize("source", ["f(1)", "x", "1 + x"])
def test_only_literals_have_a_literal_value(source: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        literal_value(source)
