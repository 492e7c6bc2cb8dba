"""Mathematical equality: the table of pairs, the real references, options, properties."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading.attempts import attempt, task
from tests.grading.pairs import EQUAL, UNEQUAL
from understudy.grading import MathConfig, open_grader
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool
from understudy.records import TaskKind
from understudy.tasks import BENCHMARKS, BenchmarkConfig, load_tasks


def unused_pool() -> WorkerPool:
    """A pool that starts no process unless it is asked."""
    return WorkerPool(1, 4.0, 2**31)


def test_the_table_is_large_and_says_nothing_twice() -> None:
    assert len(EQUAL) >= 200
    assert len(UNEQUAL) >= 150
    assert len({*EQUAL, *UNEQUAL}) == len(EQUAL) + len(UNEQUAL)


def test_no_wrong_verdict_in_the_table_of_pairs(grader: MathGrader) -> None:
    wrong = [
        (pair, expected)
        for pairs, expected in ((EQUAL, True), (UNEQUAL, False))
        for pair in pairs
        if grader.judge(task(pair[0]), pair[1]).correct is not expected and not _is_missing(pair[1])
    ]
    assert wrong == []


def _is_missing(answer: str) -> bool:
    """What ``grade`` settles before the grader is asked; see ``test_grader``."""
    return answer.strip() == ""


@pytest.mark.parametrize("name", ["math500", "gsm_hard", "aime", "olymmath", "math_hard", "math_medium"])
def test_every_reference_equals_itself_in_other_clothes(shared_dir: Path, grader: MathGrader, name: str) -> None:
    config = BenchmarkConfig(name=name, split=BENCHMARKS[name][0].split, data_dir=shared_dir / "data" / "benchmarks")
    wrong = []
    for each in load_tasks(config).tasks:
        dressed = (each.answer, rf"\boxed{{{each.answer}}}", f"The answer is ${each.answer}$.", f" {each.answer} ")
        wrong += [(each.id, text) for text in dressed if not grader.judge(each, text).correct]
    assert wrong == []


@given(st.fractions(max_denominator=10_000))
def test_a_fraction_equals_itself_in_all_spellings(value: Fraction) -> None:
    grader = MathGrader(MathConfig(), unused_pool())
    reference = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    python = f"Fraction({value.numerator}, {value.denominator})"
    spellings = [
        str(value),
        python,
        f"{value.numerator}/{value.denominator}",
        f"({value.numerator})/({value.denominator})",
    ]
    assert all(grader.equal(reference, text)[0] for text in spellings)
    assert grader.equal(reference, repr(float(value)))[0]
    assert not grader.equal(reference, str(value + 1))[0]


@given(st.floats(min_value=1e-6, max_value=1e12), st.floats(min_value=-3e-4, max_value=3e-4))
def test_tolerance_is_relative(value: float, off: float) -> None:
    grader = MathGrader(MathConfig(), unused_pool())
    other = value * (1 + off)
    near = abs(Fraction(repr(value)) - Fraction(repr(other))) <= Fraction(1e-4) * max(
        Fraction(repr(value)), Fraction(repr(other))
    )
    assert grader.equal(repr(value), repr(other))[0] is near


@settings(max_examples=50)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_an_enumeration_has_no_order_and_a_tuple_has_one(numbers: list[int], random: object) -> None:
    grader = MathGrader(MathConfig(), unused_pool())
    turned = [*numbers[1:], numbers[0]]
    assert grader.equal(", ".join(map(str, numbers)), str(turned))[0]
    assert not grader.equal(str(tuple(numbers)), str(tuple(turned)))[0]


def test_the_common_case_starts_no_process() -> None:
    with unused_pool() as pool:
        grader = MathGrader(MathConfig(), pool)
        for reference, answer in (
            ("42", "41"),
            (r"\frac{\sqrt{3}}{3}", "sqrt(3)/2"),
            ("(2,4)", "[1, 2]"),
            ("1,2", "2,3"),
        ):
            assert not grader.equal(reference, answer)[0]
        assert pool.n_started == 0


def test_integers_are_exact_only_by_option() -> None:
    strict = MathGrader(MathConfig(exact_integers=True), unused_pool())
    assert not strict.equal("20174", "20175")[0]
    assert strict.equal("20174", "20174.0")[0]
    assert "exact_integers" in strict.version


def test_percent_leniency_only_by_option() -> None:
    lenient = MathGrader(MathConfig(percent_leniency=True), unused_pool())
    default = MathGrader(MathConfig(), unused_pool())
    for answer in ("0.25", "2500", "25"):
        assert lenient.equal("25", answer)[0]
    assert not lenient.equal("25", "250")[0]
    assert [default.equal("25", answer)[0] for answer in ("0.25", "2500", "25")] == [False, False, True]
    assert default.version != lenient.version


def test_an_alias_counts() -> None:
    with open_grader() as grader:
        assert grader.grade(attempt("1", "one half", aliases=("one half",))).correct
        score = grader.grade(attempt(r"\frac{1}{2}", "0.25"))
    assert score.correct is False
    assert (score.grader, score.answer) == ("math", "0.25")
    assert "rel_tol" in score.grader_version


def test_a_math_answer_is_never_evaluated(grader: MathGrader, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for text in (f"__import__('pathlib').Path('{mark}').touch()", f"open('{mark}', 'w')", f"x + open('{mark}','w')"):
        assert not grader.judge(task("2k", TaskKind.MATH), text).correct
    assert not mark.exists()


@pytest.mark.parametrize(
    "part",
    ["²", "½", "_", "cm^2 ", "1 ft ", "∈", "±", "[1 ", "1;", "**a", "is ",
     "one hundred ", "\\frac{1}{2}", "$1 ", "(", "1,000", "\ue000"],
)  # fmt: skip
def test_a_long_answer_of_one_part_is_judged_quickly(grader: MathGrader, part: str) -> None:
    """Every expression that reads answers is linear, or bounded."""
    started_s = time.process_time()
    for end in ("", "7", "=5", ")"):
        assert grader.judge(task("42"), (part * 4_000)[:3_900] + end).correct is False
    assert time.process_time() - started_s < 8


def test_reference_constants_are_what_they_should_be(grader: MathGrader) -> None:
    assert grader.equal(r"\pi", repr(math.pi))[0]
    assert grader.equal(r"e^{2}", repr(math.e**2))[0]
