"""The stage ``dpo``: a student prefers the teacher's verified corrections, and is a model like any other after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.test_run import metrics_of, run_quietly
from tests.pipeline.test_second_round import RECIPE
from tests.tiny_model import save_tiny_model
from understudy.pipeline import Outcome, RecipeError, RunDirectory, StageFailedError, load_recipe
from understudy.records import PreferencePair, Score, StageRef
from understudy.report.stage_files import read_curves
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl
from understudy.training import DpoJob, LogLine, read_job

DPO = StageRef(kind="dpo", name="preferred")
SECTION = """\
extends: second.yaml
models:
  student: {{kind: local, path: {student}, device: cpu}}
dpo:
  preferred: {{corrections: repair/second, student: student, epochs: null, max_steps: 3, batch_size: 4, n_threads: 1,
    learning_rate: 0.01, log_every_steps: 1, method: lora, lora: {{r: 4, alpha: 8, dropout: 0}}}}
evaluate:
  preferred: {{label: preferred, model: dpo/preferred, agent: brief, tasks: [test]}}
"""


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    (tmp_path / "second.yaml").write_text(RECIPE)
    path = tmp_path / "preferred.yaml"
    path.write_text(SECTION.format(student=save_tiny_model(tmp_path / "student", scale=0.02)))
    return path


def test_a_student_is_trained_on_the_corrections_and_evaluated(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path), tmp_path / "run"
    assert list(run_quietly(recipe, run_dir))[-2:] == ["dpo/preferred", "evaluate/preferred"]
    assert [name for name, _ in metrics_of(run_dir)] == ["preferred"]
    folder = run_dir / "dpo" / "preferred"
    pairs = list(read_jsonl(folder / "pairs.jsonl", PreferencePair))
    wrong = {one.trajectory_id for one in read_jsonl(run_dir / "rollout/first/scores.jsonl", Score) if not one.correct}
    first = {one.id: one for one in read_trajectories(run_dir / "rollout/first/trajectories.jsonl")}
    repaired = {one.id: one for one in read_trajectories(run_dir / "repair/second/trajectories.jsonl")}
    assert {pair.id for pair in pairs} == set(repaired) <= wrong
    for pair in pairs:
        n_before = len(pair.messages)
        assert pair.messages == first[pair.id].messages[:n_before] == repaired[pair.id].messages[:n_before]
        assert pair.rejected == first[pair.id].messages[n_before].content
        assert pair.chosen == repaired[pair.id].messages[n_before].content

    record = RunDirectory(run_dir).read_stage(DPO)
    assert record is not None
    assert record.counts["steps"] == 3
    assert record.counts["pairs"] == len(pairs) > 0
    assert record.counts.get("dropped_not_repaired", 0) == len(wrong) - len(pairs)
    assert record.counts["margin"] > 0
    assert list(record.inputs) == ["repair/second"]
    assert isinstance(read_job(folder), DpoJob)
    assert next(iter(read_jsonl(folder / "log.jsonl", LogLine))).loss == pytest.approx(0.6931, abs=1e-3)
    curves = {curve.quantity for curve in read_curves(run_dir)}
    assert {"loss", "margin", "accuracy"} <= curves
    output = (folder / "output.log").read_text()
    assert "%|" not in output, "no bars of transformers"
    assert "Warning" not in output
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}


def test_attempts_that_are_no_corrections_are_refused_before_any_work(recipe_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"dpo\.preferred\.corrections: expected a stage of kind 'repair'; got 'first'"
    ):
        load_recipe(recipe_path, ("dpo.preferred.corrections=first",))


def test_a_repair_without_a_verified_correction_gives_nothing_to_train_on(recipe_path: Path, tmp_path: Path) -> None:
    """The teacher makes the same mistakes as the student."""
    recipe = load_recipe(recipe_path, ("repair.second.teacher=slips", "repair.second.teacher_agent=agent"))
    with pytest.raises(StageFailedError, match=r"dpo/preferred: repair/second gives no preference pair \(not_repaired"):
        run_quietly(recipe, tmp_path / "run")
