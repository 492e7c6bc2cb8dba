"""Closed forms against Python's own arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.grading.closed_form import closed_form
from understudy.grading.tidy import tidy
from understudy.grading.values import NotClosedError, TooLargeError


@st.composite
def formulas(draw: st.DrawFn, depth: int = 0) -> tuple[str, Fraction]:
    """A formula in LaTeX or Python, and its value."""
    if depth > 4 or draw(st.booleans()):
        whole = draw(st.integers(0, 99))
        return str(whole), Fraction(whole)
    left, a = draw(formulas(depth + 1))
    right, b = draw(formulas(depth + 1))
    shape = draw(st.sampled_from(["+", "-", "*", "/", "frac", "^", "neg", "cdot"]))
    if shape in ("/", "frac") and b == 0:
        return left, a
    if shape == "^":
        power = draw(st.integers(0, 3))
        return rf"({left})^{{{power}}}", a**power
    spelled = {
        "+": (f"({left} + {right})", a + b),
        "-": (f"({left} - {right})", a - b),
        "*": (f"({left})*({right})", a * b),
        "cdot": (rf"({left}) \cdot ({right})", a * b),
        "neg": (f"(-{left})", -a),
    }
    if shape in spelled:
        return spelled[shape]
    return (f"({left})/({right})", a / b) if shape == "/" else (rf"\frac{{{left}}}{{{right}}}", a / b)


@given(formulas())
def test_rational_arithmetic_is_exact(formula: tuple[str, Fraction]) -> None:
    text, value = formula
    assert closed_form(tidy(text)).exact == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\frac12", 0.5),
        (r"3\frac12", 3.5),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2^{-1}", 0.5),
        ("8^{1/3}", 2),
        (r"\sqrt[3]{-8}", -2),
        (r"\sqrt2\sqrt8", 4),
        (r"2\pi r".replace(" r", ""), 2 * math.pi),
        (r"\sin^2 1 + \cos^2 1", 1),
        (r"\cos 60^\circ", 0.5),
        (r"|3-5|", 2),
        ("5!/3!", 20),
        ("50%", 0.5),
        ("1.5e3", 1500),
        ("exp(1)", math.e),
        ("e^{i\\pi}", -1),
        ("2i^2", -2),
    ],
)
def test_values(text: str, value: float) -> None:
    assert closed_form(tidy(text)).approximate == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "2x",
        "1,2",
        "",
        "+",
        "1+",
        "(1",
        "1)",
        "2 3",
        r"\frac{1}",
        "1/0",
        "0^{-1}",
        r"\log_2 8",
        "f(2)",
        "a=1",
        "()",
    ],
)
def test_what_is_no_closed_form_is_refused(text: str) -> None:
    with pytest.raises(NotClosedError):
        closed_form(tidy(text))


@pytest.mark.parametrize("text", ["9^9^9", "9^{9^{9^9}}", "10^400000", "1e500", "100000!"])
def test_beyond_all_bounds(text: str) -> None:
    with pytest.raises(TooLargeError):
        closed_form(tidy(text))


@given(st.text(alphabet="0123456789+-*/^(){}[]\\.,!|% eipx√", max_size=60))
def test_any_text_gives_a_value_or_is_refused(text: str) -> None:
    try:
        value = closed_form(tidy(text))
    except NotClosedError:
        return
    assert value.exact is not None or math.isfinite(abs(value.approximate))
