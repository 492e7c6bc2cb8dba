"""The opening sentence and the figures that the report itself computes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.records import Comparison, Interval, Metrics, TaskSetMetrics
from understudy.report import ReportConfig
from understudy.report.sentence import sentence_of
from understudy.report.systems import average_interval, systems_of


def metrics(system: str, accuracies: list[float], *, is_program: bool = False) -> Metrics:
    sets = tuple(
        TaskSetMetrics(
            task_set=f"set{i}",
            n=100,
            n_tasks=100,
            n_correct=round(100 * one),
            accuracy=one,
            interval=Interval(low=max(0, one - 0.1), high=min(1, one + 0.1)),
        )
        for i, one in enumerate(accuracies)
    )
    average = sum(accuracies) / len(accuracies)
    return Metrics(system=system, model="m", agent="a", is_program=is_program, task_sets=sets, average=average)


def comparison(system: str, p_value: float, difference: float = 0.3) -> Comparison:
    interval = Interval(low=difference - 0.1, high=difference + 0.1)
    return Comparison(
        system=system,
        baseline="before",
        task_set="set0",
        n_tasks=100,
        difference=difference,
        interval=interval,
        n_only_system=40,
        n_only_baseline=10,
        p_value=p_value,
    )


def said(*measured: Metrics, comparisons: list[Comparison], config: ReportConfig | None = None) -> str:
    systems = systems_of({one.system: one for one in measured}, comparisons, {}, config or ReportConfig())
    sentence = sentence_of(systems, comparisons)
    return f"{sentence.text} {sentence.doubt}"


def test_says_what_was_learnt_against_baseline_and_teacher_and_that_it_is_no_noise() -> None:
    text = said(
        metrics("before", [0.2]),
        metrics("after", [0.5]),
        metrics("oracle", [1.0], is_program=True),
        comparisons=[comparison("after", 0.0001)],
    )
    assert "after answers 50.0\u00a0% of 100 held-out questions, 30.0 points more than before (20.0\u00a0%)" in text
    assert "50\u00a0% of the accuracy of the teacher, oracle (a program)" in text
    assert "That is more than noise: paired difference +30.0 points" in text
    assert "p < .001" in text


def test_says_that_it_may_be_noise() -> None:
    text = said(metrics("before", [0.2]), metrics("after", [0.22]), comparisons=[comparison("after", 0.31, 0.02)])
    assert "That may be noise" in text
    assert "−8.0 to +12.0" in text


def test_a_loss_is_called_a_loss() -> None:
    text = said(metrics("before", [0.5]), metrics("after", [0.2]), comparisons=[comparison("after", 0.001, -0.3)])
    assert "30.0 points fewer than before" in text


def test_one_system_alone_is_no_comparison() -> None:
    assert said(metrics("only", [0.4]), comparisons=[]).startswith("only answers 40.0\u00a0% of 100 held-out questions")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_interval_of_the_average_holds_it_and_narrows_with_more_sets(accuracies: list[float]) -> None:
    one = metrics("x", accuracies)
    interval = average_interval(one)
    assert 0 <= interval.low <= one.average + 1e-12
    assert one.average - 1e-12 <= interval.high <= 1
    assert interval.high - interval.low <= 0.2 / len(accuracies) ** 0.5 + 1e-9


@given(st.floats(0, 1))
def test_interval_of_one_set_is_its_own(accuracy: float) -> None:
    one = metrics("x", [accuracy])
    interval = average_interval(one)
    assert (interval.low, interval.high) == pytest.approx(
        (one.task_sets[0].interval.low, one.task_sets[0].interval.high), abs=1e-9
    )
