"""What every grader shares: no answer is wrong, a failed program is not graded; opening; grading again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.grading.attempts import attempt
from understudy.grading import GRADERS, JudgeConfig, grade_all, open_grader, regrade
from understudy.grading.answers import boxed_or_text, last_boxed, mathematical_answer
from understudy.records import Score, StopReason, TaskKind


@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize(
    "answer", [None, "", "  ", "None", "none", "'None'", "null", "NaN", r"\boxed{}", r"\boxed{None}"]
)
@pytest.mark.parametrize("reference", ["None", "null", "nan", "42"])
def test_no_answer_is_wrong_whatever_the_reference_says(kind: TaskKind, answer: str | None, reference: str) -> None:
    with open_grader() as grader:
        score = grader.grade(attempt(reference, answer, kind))
    assert score.correct is False
    assert "no answer" in score.explanation


@pytest.mark.parametrize("reason", list(StopReason))
def test_only_infrastructure_errors_are_not_graded(reason: StopReason) -> None:
    with open_grader() as grader:
        right = grader.grade(attempt("42", "42", stop_reason=reason))
        none = grader.grade(attempt("42", None, stop_reason=reason))
    assert right.correct is (None if reason.is_infrastructure_error else True)
    assert none.correct is (None if reason.is_infrastructure_error else False)
    assert reason.value in none.explanation


@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize("answer", [None, "42"])
def test_without_a_reference_nothing_is_judged(kind: TaskKind, answer: str | None) -> None:
    attempted = attempt("42", answer, kind)
    without = attempted.model_copy(update={"task": attempted.task.model_copy(update={"answer": None})})
    with open_grader() as grader:
        score = grader.grade(without)
    assert (score.correct, score.grounded) == (None, None)
    assert "no reference" in score.explanation


def test_the_kind_of_task_decides_the_grader_unless_the_config_does() -> None:
    def graders(kind: str) -> list[str]:
        with open_grader(kind) as grader:
            return [grader.grade(attempt("1", "1", k)).grader for k in (TaskKind.MATH, TaskKind.FACT)]

    assert graders("auto") == ["math", "exact_match"]
    assert graders("math") == ["math", "math"]
    assert graders("exact_match") == ["exact_match", "exact_match"]


def test_a_judge_needs_a_model() -> None:
    with (
        pytest.raises(ValueError, match="kind: got 'judge', a model is needed"),
        open_grader(JudgeConfig(model="m")),
    ):
        pass
    with pytest.raises(ValidationError, match="model"):
        GRADERS.validate("judge")
    with pytest.raises(ValidationError, match="max_tokens"):
        GRADERS.validate({"kind": "auto", "max_tokens": 3})


def test_scores_come_in_order() -> None:
    attempts = [attempt("3", str(n), number=n) for n in range(40)]
    with open_grader() as grader:
        scores = list(grade_all(grader, attempts, n_workers=4))
    assert [s.trajectory_id for s in scores] == [t.id for t in attempts]
    assert [s.correct for s in scores].count(True) == 1


def score(number: int, correct: bool | None, version: str) -> Score:
    return Score(trajectory_id=f"t#{number}", grader="math", grader_version=version, correct=correct, explanation="why")


def test_regrading_lists_changes_and_agreement() -> None:
    before = [score(n, n < 5, "1") for n in range(10)]
    after = [score(n, n < 4, "2") for n in range(9)] + [score(77, True, "2")]
    found = regrade(before, after)
    assert [str(c) for c in found.changes] == ["t#4: right → wrong (math 1 → math 2; why)"]
    assert (found.n, found.n_only_before, found.n_only_after) == (9, 1, 1)
    assert found.agreement == pytest.approx(8 / 9)
    # By hand: observed 8/9, by chance (5*4 + 4*5) / 81.
    assert found.kappa == pytest.approx((8 / 9 - 40 / 81) / (1 - 40 / 81))


def test_regrading_the_same_changes_nothing() -> None:
    scores = [score(n, True, "1") for n in range(3)]
    found = regrade(scores, scores)
    assert (found.changes, found.agreement, found.kappa) == ((), 1.0, None)
    assert regrade([], []).agreement == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \boxed{1} no, \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{ \{1, 2\} }", r"\{1, 2\}"),
        (r"\fbox{3}", "3"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{", None),
        ("nothing", None),
        ("x" * 30_000 + r"\boxed{9}", "9"),
    ],
)
def test_last_boxed(text: str, expected: str | None) -> None:
    assert last_boxed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", "42"),
        ("x^2 + 1", "x^2 + 1"),
        ("The answer is 42.", "42"),
        ("First 3. Then the final answer is: 7", "7"),
        ("We add them and then we get $x = 5$.", "x = 5"),
        ("After adding all of them one gets 12 or rather 13", "13"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_mathematical_answer(text: str, expected: str) -> None:
    assert mathematical_answer(text) == expected


@given(st.recursive(st.text("a1+", max_size=3), lambda inner: st.lists(inner).map(lambda xs: "{" + "".join(xs) + "}")))
def test_the_content_of_a_box_is_read_completely(content: str) -> None:
    assert last_boxed(rf"x \boxed{{1}} so \boxed{{{content}}}. {{") == content.strip()


def test_boxed_or_text() -> None:
    assert boxed_or_text(r"It is \boxed{\text{New Delhi}}") == "New Delhi"
    assert boxed_or_text("'New Delhi'") == "New Delhi"
