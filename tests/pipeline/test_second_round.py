"""The second round on the toy world: repaired attempts are data, and a student is teacher-agent at its own actions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.test_server import serving
from tests.pipeline.test_run import metrics_of, records_of, run_quietly
from tests.tiny_model import save_tiny_model
from understudy.curation import Repair
from understudy.models import Device, LocalConfig, open_model
from understudy.pipeline import Outcome, RunDirectory, grade_run, load_recipe
from understudy.pipeline.stages.repair import RepairedAttempt
from understudy.records import Example, Score, StageRef, StageState
from understudy.report import terminal_table
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl

REPAIR = StageRef(kind="repair", name="second")
RECIPE = """\
name: second
tasks:
  train: {name: toy, split: train, limit: 40}
  test: {name: toy, split: test, limit: 2}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  slips: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", options: {error_rate: 0.3}}
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher"}
agents:
  agent: {kind: code_agent, prompts: minimal}
  brief: {kind: code_agent, prompts: minimal, max_tokens: 4, max_steps: 2}
  corrector: {kind: code_agent, prompts: minimal, role: teacher}
rollout:
  first: {tasks: [train], model: slips, agent: agent}
repair:
  second: {rollout: first, teacher: teacher, teacher_agent: corrector, max_tries: 5}
curate:
  both: {rollouts: [first, repair/second], agent: agent}
"""
ON_POLICY = """\
models:
  student: {{kind: local, path: {student}, device: cpu}}
  elder: {{kind: local, path: {teacher}, device: cpu}}
on_policy:
  teacher-agent: {{examples: both, student: student, teacher: elder, n_steps: 3, batch_size: 2, max_new_tokens: 4,
    n_threads: 1, learning_rate: 0.01, method: lora, lora: {{r: 4}}}}
evaluate:
  teacher-agent: {{label: teacher-agent, model: on_policy/teacher-agent, agent: brief, tasks: [test]}}
"""


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    path = tmp_path / "second.yaml"
    path.write_text(RECIPE)
    return path


def tries_of(run_dir: Path) -> list[Repair]:
    lines = read_jsonl(run_dir / "repair/second/tries.jsonl", RepairedAttempt)
    return [one for line in lines for one in line.tries]


def test_only_what_was_verified_is_data(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path), tmp_path / "run"
    assert list(run_quietly(recipe, run_dir)) == ["rollout/first", "repair/second", "curate/both"]
    wrong = {one.trajectory_id for one in read_jsonl(run_dir / "rollout/first/scores.jsonl", Score) if not one.correct}
    first = {one.id: one for one in read_trajectories(run_dir / "rollout/first/trajectories.jsonl")}
    tries = tries_of(run_dir)
    assert {one.trajectory.id for one in tries} == wrong
    assert any(not one.is_verified for one in tries)
    assert all(one.same_before for one in tries), "the student repeats itself"

    repaired = list(read_trajectories(run_dir / "repair/second/trajectories.jsonl"))
    assert len(repaired) == sum(one.is_verified for one in tries) > 0
    assert all(score.correct for score in read_jsonl(run_dir / "repair/second/scores.jsonl", Score))
    assert all(one.messages != first[one.id].messages for one in repaired)
    examples = {one.trajectory_id for one in read_jsonl(run_dir / "curate/both/examples.jsonl", Example)}
    assert {one.id for one in repaired} <= examples
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}
    assert terminal_table(run_dir)


def test_a_killed_repair_continues_with_the_remaining_attempts(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path), tmp_path / "run"
    run_quietly(recipe, run_dir)
    before, path = records_of(run_dir), run_dir / "repair/second/tries.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2][:100]]))
    directory = RunDirectory(run_dir)
    record = directory.read_stage(REPAIR)
    assert record is not None
    directory.write_stage(record.model_copy(update={"state": StageState.RUNNING}))
    assert run_quietly(recipe, run_dir)["repair/second"] is Outcome.DONE
    assert records_of(run_dir) == before
    assert path.read_text().splitlines(keepends=True)[:2] == lines[:2], "what was there was not done again"


def test_what_was_made_from_old_verdicts_is_named(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path), tmp_path / "run"
    run_quietly(recipe, run_dir)
    for stage in ("rollout/first", "repair/second"):
        path = run_dir / stage / "scores.jsonl"
        score, *others = path.read_text().splitlines()
        spoilt = json.loads(score)
        path.write_text("\n".join([json.dumps(spoilt | {"correct": not spoilt["correct"]}), *others]) + "\n")
    said = list(grade_run(recipe, run_dir, again=True, quiet=True))
    assert [line.split()[0] for line in said if "old verdicts" in line] == [
        "repair/second",
        "curate/both",
        "curate/both",
    ]


def test_a_student_is_taught_on_policy_and_evaluated(recipe_path: Path, tmp_path: Path) -> None:
    student, teacher = (str(save_tiny_model(tmp_path / name, seed=seed)) for seed, name in enumerate(("one", "two")))
    larger = tmp_path / "larger.yaml"
    larger.write_text("extends: second.yaml\n" + ON_POLICY.format(student=student, teacher=teacher))
    run_dir = tmp_path / "run"
    recipe = load_recipe(larger)
    assert list(run_quietly(recipe, run_dir))[3:] == ["on_policy/teacher-agent", "evaluate/teacher-agent"]
    assert [name for name, _ in metrics_of(run_dir)] == ["teacher-agent"]
    record = RunDirectory(run_dir).read_stage(StageRef(kind="on_policy", name="teacher-agent"))
    assert record is not None
    assert record.counts["steps"] == 3
    assert record.counts["trained_tokens"] <= 3 * 2 * 4
    assert list(record.inputs) == ["curate/both"]
    assert (run_dir / "on_policy/teacher-agent/checkpoint/adapter_config.json").exists()
    assert "%|" not in (run_dir / "on_policy/teacher-agent/output.log").read_text(), "no bars of transformers"
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}


@pytest.mark.slow
def test_the_teacher_may_be_a_server(recipe_path: Path, tmp_path: Path) -> None:
    student, teacher = (str(save_tiny_model(tmp_path / name, seed=seed)) for seed, name in enumerate(("one", "two")))
    larger = tmp_path / "larger.yaml"
    larger.write_text("extends: second.yaml\n" + ON_POLICY.format(student=student, teacher=teacher))
    with open_model(LocalConfig(path=teacher, name="elder", device=Device.CPU)) as model, serving(model) as url:
        far = f"{{kind: openai_chat, model: elder, base_urls: ['{url}'], tokenizer: {teacher}}}"
        recipe = load_recipe(larger, (f"models.far={far}", "on_policy.teacher-agent.teacher=far"))
        run_quietly(recipe, tmp_path / "run")
    record = RunDirectory(tmp_path / "run").read_stage(StageRef(kind="on_policy", name="teacher-agent"))
    assert record is not None
    assert record.counts["steps"] == 3
    assert record.counts["last_loss"] > 0
