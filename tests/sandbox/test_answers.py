"""Final answers in plain form, whatever library they come from, and that the math grader reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from understudy.grading import MathConfig
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool
from understudy.sandbox import Episode, Sandbox

SETUP = """
import array, collections, dataclasses, datetime, enum, itertools, math, mpmath
import numpy as np, pandas as pd, sympy as sp
from decimal import Decimal
from fractions import Fraction
x, y = sp.symbols('x y')
Point = collections.namedtuple('Point', 'a b')
class Color(enum.Enum):
    RED = 'red'
class Number(enum.IntEnum):
    ONE = 1
class Sparse:  # as a matrix of scipy
    def toarray(self): return np.array([[1, 0]])
class Tensor:  # as an array of torch or jax
    def tolist(self): return [[1, 2], [3, 4]]
class Own:
    def __str__(self): return 'own text'
"""
ANSWERS = {
    "'text'": "text",
    "42": "42",
    "42.0": "42.0",
    "True": "True",
    "None": "None",
    "1 + 2j": "1+2i",
    "b'Paris'": "Paris",
    "['a', \"it's\", 1]": "['a', \"it's\", 1]",
    "[1, (2, 3), {'k': [4]}]": "[1, (2, 3), {'k': [4]}]",
    "(5,)": "(5)",
    "{3, 1, 2}": "{1, 2, 3}",
    "frozenset('ba')": "{'a', 'b'}",
    "{1, 'a'}": "{1, 'a'}",
    "set()": "∅",
    "[]": "[]",
    "{}": "{}",
    "Fraction(1, 3)": "1/3",
    "[Fraction(1, 3), Decimal('1.50')]": "[1/3, 1.50]",
    "{'a': 1}.keys()": "['a']",
    "{'a': 1}.values()": "[1]",
    "{'a': 1}.items()": "[('a', 1)]",
    "(n * n for n in range(4))": "[0, 1, 4, 9]",
    "map(abs, [-1])": "[1]",
    "zip([1], [2])": "[(1, 2)]",
    "reversed([1, 2])": "[2, 1]",
    "itertools.chain([1], [2])": "[1, 2]",
    "range(3)": "[0, 1, 2]",
    "collections.Counter('aab')": "{'a': 2, 'b': 1}",
    "collections.deque([1, 2])": "[1, 2]",
    "Point(1, 2)": "(1, 2)",
    "Color.RED": "red",
    "[Number.ONE, Color.RED]": "[1, 'red']",
    "datetime.date(2024, 1, 2)": "2024-01-02",
    "[datetime.date(2024, 1, 2)]": "[2024-01-02]",
    "Own()": "own text",
    "[Own()]": "[own text]",
    "array.array('i', [1, 2])": "[1, 2]",
    "np.array([1, 2, 3])": "[1, 2, 3]",
    "np.array([[1, 2], [3, 4]])": "[[1, 2], [3, 4]]",
    "np.array([0.1, 2], dtype='float32')": "array([0.1, 2.0])",
    "np.array([3, 4])": "array([3, 4])",
    "[np.array([3, 4]), (5, 6)]": "[[3, 4], (5, 6)]",
    "np.array(['a'])": "['a']",
    "np.array([Fraction(1, 2)], dtype=object)": "[1/2]",
    "np.array([])": "[]",
    "np.array(5)": "5",
    "np.matrix([[1, 2]])": "[[1, 2]]",
    "np.ma.array([1, 2], mask=[0, 1])": "[1, --]",
    "np.float32(0.1)": "0.1",
    "np.int64(42)": "42",
    "np.bool_(True)": "True",
    "np.str_('x')": "x",
    "np.complex128(1j + 1)": "1+1i",
    "[np.float64(1.5), np.int8(2), np.str_('x')]": "[1.5, 2, 'x']",
    "{'a': np.arange(2)}": "{'a': [0, 1]}",
    "{np.int64(2), np.int64(1)}": "{1, 2}",
    "(np.float64(1.5), 2)": "(1.5, 2)",
    "sp.Rational(1, 3)": "1/3",
    "sp.sqrt(2) / 2": "sqrt(2)/2",
    "[sp.Rational(1, 2), sp.pi]": "[1/2, pi]",
    "sp.Matrix([[1, 2], [3, 4]])": "[[1, 2], [3, 4]]",
    "sp.ImmutableMatrix([1, sp.Rational(1, 2)])": "[[1], [1/2]]",
    "sp.SparseMatrix(2, 2, {(0, 0): 1})": "[[1, 0], [0, 0]]",
    "sp.MatAdd(sp.Matrix([[1]]), sp.Matrix([[2]]))": "[[3]]",
    "sp.Array([1, 2])": "[1, 2]",
    "sp.FiniteSet(3, 1)": "{1, 3}",
    "sp.EmptySet": "∅",
    "sp.Interval(0, 1)": "[0, 1]",
    "sp.Interval.open(0, sp.oo)": "(0, oo)",
    "sp.Interval.Lopen(-sp.oo, 3)": "(-oo, 3]",
    "sp.Union(sp.Interval(0, 1), sp.Interval.open(3, 4))": "[0, 1] U (3, 4)",
    "sp.solve(x**2 < 9)": "(-3, 3)",
    "sp.solve(x**2 - 2)": "[-sqrt(2), sqrt(2)]",
    "sp.solveset(x**2 - 4)": "{-2, 2}",
    "sp.linsolve([x - 1, y - 2], [x, y])": "{(1, 2)}",
    "sp.solve([x - 1, y - 2])": "{x: 1, y: 2}",
    "sp.Eq(x, 3)": "x = 3",
    "sp.Poly(x**2 + 1)": "x**2 + 1",
    "sp.Point(1, 2)": "(1, 2)",
    "sp.Tuple(1, 2)": "(1, 2)",
    "sp.Range(3)": "{0, 1, 2}",
    "x > 3": "x > 3",
    "mpmath.mpf('0.5')": "0.5",
    "mpmath.matrix([[1, 2]])": "[[1.0, 2.0]]",
    "np.linalg.eig(np.array([[2., 0], [0, 3.]]))": "([2.0, 3.0], [[1.0, 0.0], [0.0, 1.0]])",
    "np.unique(np.array([3, 1, 1]), return_counts=True)": "([1, 3], [2, 1])",
    "np.nditer(np.array([1, 2]))": "[1, 2]",
    "np.ndenumerate(np.array([1, 2]))": "[((0), 1), ((1), 2)]",
    "np.poly1d([1, -3, 2])": "(1)*x**2 + (-3)*x**1 + (2)*x**0",
    "np.array([True, False])": "[True, False]",
    "np.datetime64('2024-01-01')": "2024-01-01",
    "np.array([(1, 2.0)], dtype=[('a', int), ('b', float)])": "[(1, 2.0)]",
    "np.array([np.array([1, 2]), np.array([3])], dtype=object)": "[[1, 2], [3]]",
    "memoryview(b'ab')": "ab",
    "datetime.timedelta(hours=1, minutes=30)": "1:30:00",
    "datetime.timedelta(days=1, hours=2)": "26:00:00",
    "datetime.timedelta(days=2)": "2 days",
    "datetime.timedelta(0)": "0:00:00",
    "datetime.timedelta(seconds=-1)": "-1 day, 23:59:59",
    "pd.Timedelta(days=1)": "1 days",
    "pd.Series(pd.to_datetime(['2024-01-01']))": "[2024-01-01 00:00:00]",
    "Sparse()": "[[1, 0]]",
    "Tensor()": "[[1, 2], [3, 4]]",
    "sp.S.Reals": "(-oo, oo)",
    "sp.Lambda(x, x**2)": "x**2",
    "sp.Ne(x, 3)": "x != 3",
    "sp.Matrix([[2, 0], [0, 3]]).eigenvals()": "{2: 1, 3: 1}",
    "itertools.permutations([1, 2])": "[(1, 2), (2, 1)]",
    "collections.UserList([1, 2])": "[1, 2]",
    "pd.Series([1, 2.5])": "array([1.0, 2.5])",
    "pd.Series([1, 2, 3])": "[1, 2, 3]",
    "pd.Series(['a', 'b'])": "['a', 'b']",
    "pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})": "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'y'}]",
    "pd.Index([1])": "[1]",
}
GRADED = (
    ("(1,2,3)", "np.array([1, 2, 3])"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "np.array([[1, 2], [3, 4]])"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "sp.Matrix([[1, 2], [3, 4]])"),
    (r"\begin{pmatrix}1\\\frac12\end{pmatrix}", "sp.Matrix([1, sp.Rational(1, 2)])"),
    ("(3,4)", "np.array([3, 4])"),
    (r"\left( \frac12, -4 \right)", "np.array([0.5, -4])"),
    ("[3,4]", "np.array([3, 4])"),
    ("3, 4", "np.array([4, 3])"),
    (r"\begin{pmatrix} 3 \\ 4 \end{pmatrix}", "np.array([3., 4.])"),
    ("(3,4)", "pd.Series([3, 4])"),
    ("(3,4)", "np.linalg.solve(np.array([[1., 1], [1, -1]]), np.array([7., -1]))"),
    (r"\{(1,2),(3,4)\}", "{(1, 2), (3, 4)}"),
    ("42", "np.int64(42)"),
    (r"\frac{1}{3}", "Fraction(1, 3)"),
    (r"\{-2, 2\}", "sp.solveset(x**2 - 4)"),
    ("(-3, 3)", "sp.solve(x**2 < 9)"),
    (r"[0,1]\cup(3,\infty)", "sp.Union(sp.Interval(0, 1), sp.Interval.open(3, sp.oo))"),
    (r"\emptyset", "sp.EmptySet"),
    ("1+2i", "np.complex128(1 + 2j)"),
    (r"\{2, 3\}", "np.linalg.eig(np.array([[2., 0], [0, 3.]])).eigenvalues"),
    ("x^2-3x+2", "np.poly1d([1, -3, 2])"),
    ("90 minutes", "datetime.timedelta(hours=1, minutes=30)"),
    ("48 hours", "datetime.timedelta(days=2)"),
    ("2 days", "pd.Timedelta(days=2)"),
    ("January 2, 2024", "pd.Timestamp('2024-01-02')"),
    (r"\mathbb{R}", "sp.S.Reals"),
    (r"(-\infty,-2)\cup(2,\infty)", "sp.solveset(x**2 > 4, x, sp.S.Reals)"),
    ("1000", "Decimal('1E+3')"),
    ("0", "-0.0"),
    ("10^{16}", "1e16"),
    ("-i, i", "sp.solve(x**2 + 1)"),
    ("-2, 2", "sp.roots(x**2 - 4, x).keys()"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "pd.DataFrame([[1, 2], [3, 4]]).values"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "Tensor()"),
    ("0,1,4", "(n * n for n in range(3))"),
)


@pytest.fixture(scope="module")
def episode() -> Iterator[Episode]:
    with Sandbox(preload=("numpy", "sympy", "pandas")) as sandbox, sandbox.episode() as opened:
        assert opened.run(SETUP).error == ""
        yield opened


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answer_is_plain(code: str, episode: Episode) -> None:
    execution = episode.run(f"final_answer({code})")
    assert not execution.error, execution.error
    assert execution.final_answer == ANSWERS[code]


def test_graders_read_them(episode: Episode) -> None:
    with closing(WorkerPool(1, 4.0, 2**31)) as pool:
        grader = MathGrader(MathConfig(), pool)
        answers = [(reference, episode.run(f"final_answer({code})").final_answer) for reference, code in GRADED]
        assert [pair for pair in answers if not grader.equal(pair[0], pair[1] or "")[0]] == []


@pytest.mark.parametrize("code", ["itertools.count()", "sp.Range(sp.oo)", "np.zeros(10**7)", "range(10**12)"])
def test_answers_without_end_are_cut(code: str, episode: Episode) -> None:
    answer = episode.run(f"final_answer({code})").final_answer
    assert answer is not None
    assert ("more characters" in answer) or ("..." in answer)


def test_broken_objects_are_errors_of_the_code(episode: Episode) -> None:
    episode.run("class Broken:\n    def __str__(self): raise ValueError('no text')\nloop = [1]\nloop.append(loop)")
    broken = episode.run("final_answer(Broken())")
    assert (broken.final_answer, broken.error_name) == (None, "ValueError")
    assert (episode.run("final_answer(loop)").final_answer or "").startswith("[1, [1, ")
