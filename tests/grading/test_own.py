"""Graders that users write: functions and classes, allowed return values, and errors that name the attempt."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from tests.grading.attempts import attempt
from understudy.annotations import result_settings
from understudy.grading import GRADERS, GraderError, Judgement, grade_all, open_grader
from understudy.records import Score, StopReason, Task, Trajectory
from understudy.registry import TargetError

SHOP = '''
from pydantic import BaseModel
from understudy.grading import Judgement

def refund_is_right(trajectory):
    """Says whether the refund was the right one."""
    return Judgement(trajectory.answer == "12.50", "compared with the ledger", trajectory.answer)

def broken(trajectory):
    return 1 / 0

NUMBER = 3

class Ledger:
    """Compares with a ledger."""
    version = "7"
    class Config(BaseModel):
        tolerance: float = 0.0
    def __init__(self, config):
        self.tolerance = config.tolerance
        self.closed = False
    def grade(self, trajectory):
        return abs(float(trajectory.answer) - 12.5) <= self.tolerance
    def close(self):
        open("closed", "w").close()

class Nothing:
    pass
'''


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's module beside a recipe."""
    name = f"shop_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def without_reference(answer: str | None) -> Trajectory:
    one = attempt("-", answer)
    return one.model_copy(update={"task": Task(id="t", question="Refund?", source="shop")})


def graded(function: Callable[[Trajectory], object], answer: str | None = "12.50") -> Score:
    with open_grader(function) as grader:
        return grader.grade(without_reference(answer))


def test_a_function_in_a_recipe_judges_tasks_without_a_reference(shop: str) -> None:
    config = GRADERS.validate(f"{shop}:refund_is_right")
    with open_grader(config) as grader:
        scores = list(grade_all(grader, [without_reference("12.50"), without_reference("13"), without_reference(None)]))
    assert [score.correct for score in scores] == [True, False, False]
    assert scores[0].grader == f"{shop}:refund_is_right"
    assert (scores[0].explanation, scores[0].answer) == ("compared with the ledger", "12.50")
    assert len(scores[0].grader_version) == 16, "a digest of the source file"
    assert result_settings(config) == {"kind": f"{shop}:refund_is_right", "version": scores[0].grader_version}


def test_a_class_brings_its_own_keys_and_version(shop: str) -> None:
    config = GRADERS.validate({"kind": f"{shop}:Ledger", "tolerance": 0.5})
    with open_grader(config) as grader:
        score = grader.grade(without_reference("12.9"))
        assert not Path("closed").exists()
    assert Path("closed").exists()
    assert (score.correct, score.grader_version) == (True, "7")
    with pytest.raises(ValidationError, match="tolerance"):
        GRADERS.validate({"kind": f"{shop}:Ledger", "tolerance": "much"})
    with pytest.raises(ValidationError, match="tolerence"):
        GRADERS.validate({"kind": f"{shop}:Ledger", "tolerence": 0.5})


@pytest.mark.parametrize(
    ("said", "correct", "value"),
    [
        (True, True, None),
        (False, False, None),
        (1.0, True, 1.0),
        (0.4, False, 0.4),
        (1, True, 1.0),
        (0, False, 0.0),
        (None, None, None),
        (np.bool_(True), True, None),
        (np.float64(0.25), False, 0.25),
        (Judgement(True, "near enough", value=0.7), True, 0.7),
    ],
)
def test_what_a_grader_may_say(said: object, correct: bool | None, value: float | None) -> None:
    score = graded(lambda _: said)
    assert (score.correct, score.value) == (correct, value)


def test_a_score_is_kept_unchanged_and_an_async_function_is_awaited() -> None:
    own = Score(trajectory_id="t#0", grader="mine", grader_version="3", correct=True, explanation="why")
    assert graded(lambda _: own) == own

    async def later(trajectory: Trajectory) -> bool:
        return trajectory.answer == "12.50"

    assert graded(later).correct is True
    with pytest.raises(GraderError, match="expected a score of this trajectory"):
        graded(lambda _: own.model_copy(update={"trajectory_id": "u#1"}))


@pytest.mark.parametrize("said", ["right", 1.5, -0.1, math.nan, [True], Judgement(True, "", value=2.0)])
def test_what_is_no_judgement_is_an_error_that_names_the_attempt(said: object) -> None:
    with pytest.raises(GraderError, match=r"trajectory t#0: expected .* got "):
        graded(lambda _: said)


def test_what_a_grader_raises_names_the_attempt_and_the_line(shop: str) -> None:
    with (
        open_grader(f"{shop}:broken") as grader,
        pytest.raises(GraderError, match=rf"{shop}:broken, trajectory t#0: .*{shop}\.py:\d+ raised ZeroDivisionError"),
    ):
        grader.grade(without_reference("1"))


def test_what_leads_to_no_grader_is_refused(shop: str) -> None:
    with pytest.raises(ValidationError, match="has no 'refund_is_rigth'; did you mean 'refund_is_right'"):
        GRADERS.validate(f"{shop}:refund_is_rigth")
    with pytest.raises((ValidationError, TargetError), match="expected a class"):
        GRADERS.validate(f"{shop}:NUMBER")
    with pytest.raises(ValidationError, match="expected a class with the method grade"):
        GRADERS.validate(f"{shop}:Nothing")


def test_an_attempt_that_the_program_failed_is_not_shown_to_it() -> None:
    failed = without_reference(None).model_copy(update={"stop_reason": StopReason.PROVIDER})
    with open_grader(lambda _: True) as grader:
        assert grader.grade(failed).correct is None


def test_graders_that_compare_say_that_there_is_nothing_to_compare() -> None:
    for kind in ("auto", "math", "exact_match"):
        with open_grader(kind) as grader:
            score = grader.grade(without_reference("12.50"))
        assert (score.correct, score.explanation) == (None, "not judged: the task has no reference answer")


def test_each_kind_says_what_it_does() -> None:
    about = {kind.name: kind.about for kind in GRADERS.kinds()}
    assert {"auto", "math", "exact_match", "judge"} <= {*about}
    assert all(about.values())
