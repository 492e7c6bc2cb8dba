"""Signals and curves on attempts whose figures can be worked out by hand."""

from __future__ import annotations

import math
import random

import pytest

from understudy.agents import SIGNALS
from understudy.evaluation import Graded
from understudy.evaluation.deferral import curve_of, ends_of, figures_of, measured, share_below, thresholds_of
from understudy.evaluation.statistics import auroc, auroc_interval
from understudy.records import Message, Role, Score, Step, StopReason, Task, Trajectory, Usage

LOGPROB = SIGNALS.validate("lowest_action_logprob")


def graded(system: str, rows: list[tuple[float | None, bool]], tokens: int, cost: float | None = None) -> Graded:
    """One attempt a row: the log-probability of its step, and whether it is right."""
    attempts, scores = [], []
    for number, (logprob, right) in enumerate(rows):
        one = Trajectory(
            task=Task(id=f"t{number:03d}", question=f"q{number}", answer="1", source="s"),
            agent="code_agent",
            model=system,
            seed=0,
            messages=(Message(role=Role.ASSISTANT, content="x"),),
            steps=(Step(message_index=0, mean_logprob=logprob),),
            stop_reason=StopReason.ANSWERED,
            answer="1",
            usage=Usage(prompt_tokens=tokens, requests=1, cost_usd=cost),
        )
        attempts.append(one)
        scores.append(Score(trajectory_id=one.id, grader="g", grader_version="1", correct=right))
    return Graded(system, attempts, scores)


def by_pairs(values: list[float], right: list[bool]) -> float:
    """The definition: over all pairs of a right and a wrong case."""
    pairs = [
        (a, b)
        for a, is_a in zip(values, right, strict=True)
        if is_a
        for b, is_b in zip(values, right, strict=True)
        if not is_b
    ]
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)


def test_auroc_is_its_definition_with_ties() -> None:
    draw = random.Random(0)
    for _ in range(30):
        n = draw.randint(2, 40)
        values = [float(draw.randint(0, 6)) for _ in range(n)]
        right = [True, False, *(draw.random() < 0.5 for _ in range(n - 2))]
        assert auroc(values, right) == pytest.approx(by_pairs(values, right))
    assert auroc([1.0, 2.0], [True, True]) is None
    assert auroc([], []) is None


def test_the_interval_covers_and_a_worthless_signal_contains_one_half() -> None:
    draw = random.Random(1)
    n_covered = n_worthless = 0
    for seed in range(60):
        right = [draw.random() < 0.5 for _ in range(80)]
        values = [draw.gauss(1.0 if one else 0.0, 1.0) for one in right]  # its true value: Phi(1 / sqrt 2) = .760
        names = [str(number) for number in range(80)]
        interval = auroc_interval(values, right, names, seed=seed, n_resamples=400)
        noise = auroc_interval([draw.random() for _ in right], right, names, seed=seed, n_resamples=400)
        assert interval is not None
        assert noise is not None
        n_covered += interval.low <= 0.760 <= interval.high
        n_worthless += noise.low <= 0.5 <= noise.high
    assert n_covered >= 53, "95 % of 60 are 57, and 53 or fewer have a chance below 3 %"
    assert n_worthless >= 53


def test_perfect_separation_of_a_few_cases_is_not_taken_for_certainty() -> None:
    interval = auroc_interval([0.0, 0.1, 1.0, 1.1], [False, False, True, True], list("abcd"))
    assert interval is not None
    assert interval.high == 1.0
    assert interval.low < 0.6
    constant = auroc_interval([1.0] * 20, [True, False] * 10, list("abcdefghijklmnopqrst"))
    assert constant is not None
    assert (constant.low, constant.high) == (0.5, 0.5)


def test_attempts_at_one_task_are_no_independent_cases() -> None:
    draw = random.Random(2)
    right = [draw.random() < 0.5 for _ in range(40)]
    values = [draw.gauss(0.7 * one, 1.0) for one in right]
    alone = auroc_interval(values, right, [str(number) for number in range(40)])
    copied = auroc_interval(values * 4, right * 4, [str(number) for number in range(40)] * 4)
    assert alone is not None
    assert copied is not None
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)


ROWS = [(-0.1, True), (-0.2, True), (-0.3, True), (-0.3, False), (-0.9, False)]


def test_a_threshold_is_the_highest_that_the_bound_permits() -> None:
    found = measured(graded("student", ROWS, tokens=10), LOGPROB)
    thresholds = thresholds_of(found.values)
    assert [round(share_below(found.values, one), 1) for one in thresholds] == [0.0, 0.2, 0.6, 0.8, 1.0]
    for wished, share in ((0.0, 0.0), (0.2, 0.2), (0.5, 0.2), (0.6, 0.6), (1.0, 1.0)):
        figures = figures_of("s", found, lambda one, wished=wished: share_below(found.values, one) <= wished)
        assert (figures.share, figures.n) == (pytest.approx(share), 5)
    assert figures.auroc == pytest.approx((2 * 2 + 1.5) / 6)


def test_attempts_without_a_value_are_deferred_always() -> None:
    found = measured(graded("student", [(None, False), (-0.1, True), (-0.2, True)], tokens=10), LOGPROB)
    figures = figures_of("s", found, lambda one: share_below(found.values, one) <= 0.4)
    assert found.values[0] == -math.inf
    assert (figures.n, figures.n_without_value, figures.auroc) == (2, 1, 1.0)
    assert figures.share == pytest.approx(1 / 3)
    nothing = figures_of("s", measured(graded("s", [(None, True)], tokens=1), LOGPROB), lambda _: True)
    assert (nothing.auroc, nothing.threshold, nothing.tells) == (None, None, False)


def test_the_curve_joins_both_ends_and_counts_both_models_apart() -> None:
    student = measured(graded("student", ROWS, tokens=10, cost=0.001), LOGPROB)
    teacher = graded("teacher", [(None, right) for right in (True, True, True, True, False)], tokens=100, cost=0.1)
    ends = ends_of(student, teacher)
    curve = curve_of("c", ("student", "teacher"), "s", ends, teacher_is_program=True)
    assert [round(point.share, 1) for point in curve.points] == [0.0, 0.2, 0.6, 0.8, 1.0]
    assert [round(point.accuracy, 1) for point in curve.points] == [0.6, 0.6, 0.8, 0.8, 0.8]
    assert [round(point.random_accuracy, 2) for point in curve.points] == [0.6, 0.64, 0.72, 0.76, 0.8]
    assert [point.teacher_tokens for point in curve.points] == pytest.approx([0, 20, 60, 80, 100])
    assert [point.student_tokens for point in curve.points] == [10, 10, 10, 10, 0]
    assert [point.cost_usd for point in curve.points] == pytest.approx([0.001, 0.021, 0.061, 0.081, 0.1])
    assert curve.points[2].gain == pytest.approx(0.08)
    for end in (curve.points[0], curve.points[-1]):
        assert (end.gain, end.gain_interval.low, end.gain_interval.high) == (0, 0, 0)
    assert ends.mean_tokens(curve.points[1].threshold or 0) == pytest.approx(30)
    with pytest.raises(ValueError, match="an attempt at each task of the student; 1 are missing, such as 't004#0'"):
        ends_of(student, graded("teacher", [(None, True)] * 4, tokens=1))
