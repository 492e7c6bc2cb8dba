"""Agreement of a grader with a person's marks: rates, kappa, intervals."""

from __future__ import annotations

import random

import pytest

from understudy.evaluation import agreement_with_marks
from understudy.records import Mark, MarkAgreement, MarkVerdict, Score


def scores(*verdicts: bool | None, grader: str = "rubric") -> list[Score]:
    return [
        Score(trajectory_id=f"t{number}", grader=grader, grader_version="1", correct=correct)
        for number, correct in enumerate(verdicts)
    ]


def marks(verdicts: dict[int, bool]) -> list[Mark]:
    said = {True: MarkVerdict.RIGHT, False: MarkVerdict.WRONG}
    return [Mark(stage="s", trajectory_id=f"t{n}", verdict=said[right], digest="") for n, right in verdicts.items()]


def the_agreement(verdicts: list[bool | None], said: dict[int, bool]) -> MarkAgreement:
    (found,) = agreement_with_marks("s", scores(*verdicts), marks(said))
    return found


def test_kappa_of_a_textbook() -> None:
    """The usual first example: of 50 cases 20 + 15 are judged alike and 5 + 10 are not; kappa is 0.4."""
    verdicts = [True] * 25 + [False] * 25
    said = {n: n < 20 for n in range(25)} | {n: n < 35 for n in range(25, 50)}
    found = the_agreement(verdicts, said)
    assert (found.n, found.n_same) == (50, 35)
    assert found.counts == {"right → right": 20, "right → wrong": 5, "wrong → right": 10, "wrong → wrong": 15}
    assert found.rate == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.kappa_interval is not None
    assert found.interval.low < 0.7 < found.interval.high
    assert found.kappa_interval.low < 0.4 < found.kappa_interval.high


def test_the_rarer_verdict_does_not_weigh_more_than_it_is() -> None:
    verdicts = [True] * 90 + [False] * 10
    found = the_agreement(verdicts, dict.fromkeys(range(10), True) | dict.fromkeys(range(90, 100), True))
    assert found.n_same == 10, "all that the grader calls right, none that it calls wrong"
    assert found.rate == pytest.approx(0.9)
    assert found.kappa == pytest.approx(0)


def test_few_marks_that_all_agree_leave_doubt() -> None:
    found = the_agreement([True] * 5 + [False] * 5, {n: n < 5 for n in range(10)})
    assert (found.rate, found.kappa) == (1.0, 1.0)
    assert 0.6 < found.interval.low < 0.9


def test_a_verdict_without_marks_is_said() -> None:
    found = the_agreement([True] * 5 + [False] * 5, {0: True, 1: False})
    assert found.unmarked == "wrong"
    assert found.rate == 0.5
    only = the_agreement([True] * 5, {0: True, 1: True})
    assert (only.rate, only.kappa, only.kappa_interval, only.unmarked) == (1.0, None, None, "")


def test_attempts_that_the_grader_did_not_judge_are_counted() -> None:
    found = the_agreement([True, None, False], {0: True, 1: True, 2: False})
    assert (found.n, found.n_not_judged, found.n_population) == (2, 1, 2)


def test_marks_are_not_compared_with_themselves_and_each_grader_is_compared_separately() -> None:
    both = [*scores(True, grader="rubric"), *scores(True, grader="imported"), *scores(True, grader="marks")]
    found = agreement_with_marks("s", both, marks({0: False}))
    assert [(one.grader, one.rate) for one in found] == [("imported", 0.0), ("rubric", 0.0)]
    assert agreement_with_marks("s", scores(True), marks({})) == ()


def test_intervals_cover_the_truth() -> None:
    """Samples of 20 a verdict from a population with known rates: about 95 of 100 intervals hold the truth."""
    draw = random.Random(3)
    verdicts = [True] * 300 + [False] * 100
    truth = [draw.random() < (0.9 if right else 0.25) for right in verdicts]
    rate = sum(a is b for a, b in zip(verdicts, truth, strict=True)) / 400
    hits = 0
    for _ in range(100):
        chosen = [*draw.sample(range(300), 20), *draw.sample(range(300, 400), 20)]
        found = the_agreement(list(verdicts), {n: truth[n] for n in chosen})
        hits += found.interval.low <= rate <= found.interval.high
    assert 88 <= hits <= 100
