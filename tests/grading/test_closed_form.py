"""Closed forms against Python's own arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.grading.closed_form import UnclearLogarithmError, closed_form
from understudy.grading.tidy import tidy
from understudy.grading.values import MP, NotClosedError, TooLargeError


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
        (r"\log_2 8", 3),
        (r"\log_{10}(1000)", 3),
        ("log(e^2)", 2),
        (r"\sqrt[3]{-2}\sqrt[3]{4}", -2),
        (r"45^\circ", 45),
    ],
)
def test_values(text: str, value: float) -> None:
    assert complex(closed_form(tidy(text)).approximate) == pytest.approx(value, rel=1e-12)


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
        r"\log 8",
        "f(2)",
        "a=1",
        "()",
    ],
)
def test_what_is_no_closed_form_is_refused(text: str) -> None:
    with pytest.raises(NotClosedError):
        closed_form(tidy(text))


def test_a_bare_logarithm_needs_a_base() -> None:
    assert closed_form(r"\log 100", "10").approximate == pytest.approx(2)
    assert complex(closed_form(r"\log 100", "e").approximate) == pytest.approx(math.log(100))
    with pytest.raises(UnclearLogarithmError):
        closed_form(r"\log 100")


@pytest.mark.parametrize(
    ("text", "is_zero"),
    [
        ("e^{-40}", False),
        ("e^{-100}", False),
        (r"\sin π", True),
        (r"\sqrt2\sqrt3-\sqrt6", True),
        ("10^{30}+π-10^{30}-π", True),
    ],
)
def test_the_error_bound_tells_what_may_be_zero(text: str, is_zero: bool) -> None:
    value = closed_form(text)
    assert (abs(value.approximate) <= value.error) is is_zero


@pytest.mark.parametrize(
    "text", ["9^9^9", "9^{9^{9^9}}", "10^400000", "1e500", "100000!", "e^{e^{20}}", r"\exp(10^{30})"]
)
def test_beyond_all_bounds(text: str) -> None:
    with pytest.raises(TooLargeError):
        closed_form(tidy(text))


@given(st.text(alphabet="0123456789+-*/^(){}[]\\.,!|% eipx√", max_size=60))
def test_any_text_gives_a_value_or_is_refused(text: str) -> None:
    try:
        value = closed_form(tidy(text))
    except NotClosedError:
        return
    assert value.exact is not None or MP.isfinite(value.approximate)
