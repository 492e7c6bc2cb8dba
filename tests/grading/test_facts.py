"""Exact match, F1, grounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grading.attempts import attempt, searched
from understudy.grading import answer_in_text, exact_match, normalise_answer, open_grader, token_f1
from understudy.records import Score, TaskKind, TaskSetMetrics

texts = st.text(alphabet="abcthe ABC.,-:/^$²½'0123456789éß’", max_size=40)


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise_answer(text)
    assert normalise_answer(once) == once


@given(texts, texts)
def test_f1_is_symmetric_and_one_for_the_same(a: str, b: str) -> None:
    assert token_f1(a, b) == token_f1(b, a)
    assert 0 <= token_f1(a, b) <= 1
    assert token_f1(a, a) == float(normalise_answer(a) != "")


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("The Eiffel Tower", "eiffel tower.", True),
        ('Jacob "Jack" Kevorkian', "Jacob Jack Kevorkian", True),
        ("$59,039", "59039", True),
        ("22", "22.0", True),
        ("1,000", "1000", True),
        ("3.5", "35", False),
        ("3.5", "3.50%", True),
        ("(1,000)", "1000.0", True),
        ("1967", "-1967", False),
        ("yes", "Yes.", True),
        ("yes", "no", False),
        ("Oriole Records.", "oriole records", True),
        ("the", "a", False),
        ("...", "!!!", False),
        ("Max Teller", "Teller", False),
        ("São Miguel", "são miguel", True),
    ],
)
def test_exact_match(reference: str, answer: str, expected: bool) -> None:
    assert exact_match(reference, answer) is expected


def test_f1_by_hand() -> None:
    assert token_f1("duke of wellington", "the Duke") == pytest.approx(2 * 1 / (3 + 1))
    assert token_f1("yes", "yes it is") == 0.0
    assert token_f1("paris", "rome") == 0.0


def test_scores_of_facts() -> None:
    with open_grader() as grader:
        right = grader.grade(attempt("Paris", r"\boxed{\text{Paris}}", TaskKind.FACT))
        alias = grader.grade(attempt("United States", "USA", TaskKind.FACT, aliases=("USA",)))
        wrong = grader.grade(attempt("Duke of Wellington", "the Duke", TaskKind.FACT))
    assert (right.correct, right.answer, right.value, right.grader) == (True, "Paris", 1.0, "exact_match")
    assert (alias.correct, alias.explanation) == (True, "matches 'USA'")
    assert (wrong.correct, wrong.value) == (False, 0.5)


@given(texts, texts, texts)
def test_an_answer_is_found_in_what_surrounds_it(before: str, answer: str, after: str) -> None:
    has_tokens = any(c.isalnum() for c in answer) and normalise_answer(answer) != ""
    if has_tokens and answer_in_text(answer, answer):
        assert answer_in_text(answer, f"{before} | {answer} | {after}")


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        ("Max Teller", "the engineer Max Teller was born", True),
        ("Max Teller", "Max, Teller", True),
        ("Max", "Maximilian", False),
        ("59,039", "paid 59039 dollars", True),
        ("22", "22.0 km", True),
        ("22", "1922", False),
        ("22", "22,500", False),
        ("8.005 million", "about 8.005 million people", True),
        ("fleur - de-lis", "the fleur-de-lis", True),
        ("The Beatles", "Beatles", True),
        ("...", "anything", False),
        ("AC", "the A.C. Milan", False),
    ],
)
def test_answer_in_text(answer: str, text: str, expected: bool) -> None:
    assert answer_in_text(answer, text) is expected


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([("It was Max Teller.", True)], True),
        ([("Nothing found.", True)], False),
        ([("Max Teller", False)], False),
        ([("Max Teller", False), ("Nothing.", True)], False),
        ([("long page", True), ("Max Teller", False)], True),
        ([], None),
    ],
)
def test_grounding_needs_something_looked_up(observations: list[tuple[str, bool]], expected: bool | None) -> None:
    with open_grader() as grader:
        assert grader.grade(searched("Max Teller", *observations)).grounded is expected


def test_grounding_has_no_meaning_for_math_and_closed_questions() -> None:
    with open_grader() as grader:
        assert grader.grade(searched("yes", ("yes", True))).grounded is None
        assert grader.grade(searched("42", ("42", True), kind=TaskKind.MATH)).grounded is None


def test_scores_and_metrics_that_were_stored_under_the_old_words_are_read() -> None:
    old = {"trajectory_id": "t#0", "grader": "exact_match", "grader_version": "1", "correct": True, "supported": True}
    score = Score.model_validate(old)
    assert score.grounded is True
    assert Score.model_validate_json(score.model_dump_json()) == score
    interval = {"low": 0.0, "high": 1.0, "level": 0.95}
    row = {"task_set": "a", "n": 1, "n_tasks": 1, "n_correct": 1, "accuracy": 1.0, "interval": interval}
    assert TaskSetMetrics.model_validate(row | {"support_rate": 0.5}).grounded_rate == 0.5
