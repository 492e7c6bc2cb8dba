"""Running a recipe: what is done is not done again, what was killed resumes, what changed is archived."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.report.test_page import unpacked
from understudy.pipeline import (
    MissingInputError,
    Outcome,
    Recipe,
    RunDirectory,
    StageChangedError,
    grade_run,
    load_recipe,
    recipe_of_run,
    run_recipe,
)
from understudy.records import Metrics, StageRef, StageState, Trajectory
from understudy.rollouts import read_trajectories
from understudy.runs import RunLockedError, read_jsonl

RECIPE = """\
name: small
tasks:
  train: {name: toy, split: train, limit: 12}
  test: {name: toy, split: test, limit: 8}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", options: {error_rate: 0.2}}
agents:
  agent: {kind: code_agent, prompts: minimal}
  cot: {kind: chain_of_thought, prompts: minimal}
  prefixed: {kind: code_agent, prompts: minimal, prefix_mode: prefix}
rollout:
  teacher-cot: {tasks: [train], model: teacher, agent: cot}
  teacher-agent: {tasks: [train], model: teacher, agent: prefixed, first_thoughts: teacher-cot}
prefixes:
  teacher-cot: {rollout: teacher-cot}
curate:
  teacher-agent: {rollouts: [teacher-agent], agent: agent}
evaluate:
  teacher: {label: teacher, model: teacher, agent: agent, tasks: [test]}
  cot: {label: cot, model: teacher, agent: cot, tasks: [test]}
report: {baseline: cot}
"""


@pytest.fixture
def recipe_path(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return path


def run_quietly(
    recipe: Recipe, run_dir: Path, *, only: list[StageRef] | None = None, restart: bool = False
) -> dict[str, Outcome]:
    return run_recipe(recipe, run_dir, only=only, restart=restart, say=lambda _: None, quiet=True)


def records_of(run_dir: Path) -> dict[str, list[Trajectory]]:
    """All attempts of a run without measured times."""
    found = {}
    for path in sorted(run_dir.glob("*/*/trajectories.jsonl")):
        attempts = sorted(read_trajectories(path), key=lambda one: one.id)
        found[str(path.parent.relative_to(run_dir))] = [one.without_timing() for one in attempts]
    return found


def metrics_of(run_dir: Path) -> list[tuple[str, float]]:
    paths = sorted(run_dir.glob("evaluate/*/metrics.json"))
    metrics = [Metrics.model_validate_json(path.read_bytes()) for path in paths]
    return [(one.system, one.average) for one in metrics]


def test_a_run_fills_the_run_and_a_second_one_does_nothing(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path), tmp_path / "run"
    first = run_quietly(recipe, run_dir)
    assert set(first.values()) == {Outcome.DONE}
    assert list(first) == [
        "rollout/teacher-cot",
        "prefixes/teacher-cot",
        "rollout/teacher-agent",
        "curate/teacher-agent",
        "evaluate/teacher",
        "evaluate/cot",
    ]
    attempts = records_of(run_dir)["rollout/teacher-agent"]
    assert len(attempts) == 12
    assert any(step.prefilled_chars for one in attempts for step in one.steps), "first thoughts reached the agent"
    page = (run_dir / "report.html").read_text()
    assert json.loads(unpacked(page, "document"))["state"] == "done"

    written = {path: path.read_bytes() for path in run_dir.glob("*/*/*.jsonl")}
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}
    assert {path: path.read_bytes() for path in run_dir.glob("*/*/*.jsonl")} == written


def test_the_manifest_is_enough_to_run_again(recipe_path: Path, tmp_path: Path) -> None:
    recipe, run_dir = load_recipe(recipe_path, ("seed=5",)), tmp_path / "run"
    run_quietly(recipe, run_dir)
    manifest = RunDirectory(run_dir).read_manifest()
    assert manifest.seed == 5
    assert manifest.versions["understudy"]
    assert recipe_of_run(run_dir) == recipe
    assert set(run_quietly(recipe_of_run(run_dir), run_dir).values()) == {Outcome.UNCHANGED}


def test_what_only_decides_speed_changes_nothing(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_quietly(load_recipe(recipe_path), run_dir)
    faster = load_recipe(recipe_path, ("rollout.teacher-agent.in_flight=3",))
    assert set(run_quietly(faster, run_dir).values()) == {Outcome.UNCHANGED}


def test_a_changed_stage_and_what_takes_from_it_are_run_again_and_restored(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    old, new = load_recipe(recipe_path), load_recipe(recipe_path, ("agents.prefixed.max_steps=4",))
    run_quietly(old, run_dir)
    before = records_of(run_dir)
    outcomes = run_quietly(new, run_dir)
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.DONE} == {
        "rollout/teacher-agent",
        "curate/teacher-agent",
    }
    assert len(list((run_dir / "archived").glob("*/*"))) == 2
    assert set(run_quietly(old, run_dir).values()) == {Outcome.UNCHANGED}, "restored, nothing was lost"
    assert records_of(run_dir) == before


def test_a_label_is_changed_without_attempting_anything(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_quietly(load_recipe(recipe_path), run_dir)
    outcomes = run_quietly(load_recipe(recipe_path, ("evaluate.teacher.label=the teacher (program)",)), run_dir)
    assert set(outcomes.values()) == {Outcome.UNCHANGED}
    assert [name for name, _ in metrics_of(run_dir)] == ["cot", "the teacher (program)"]


def test_a_half_done_stage_is_not_resumed_under_other_settings(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    recipe = load_recipe(recipe_path)
    run_quietly(recipe, run_dir)
    directory = RunDirectory(run_dir)
    record = directory.read_stage(StageRef(kind="rollout", name="teacher-cot"))
    assert record is not None
    directory.write_stage(record.model_copy(update={"state": StageState.RUNNING}))
    other = load_recipe(recipe_path, ("agents.cot.max_tokens=99",))
    with pytest.raises(StageChangedError, match=r"agent\.cot\.max_tokens: was 4096, is 99"):
        run_quietly(other, run_dir)
    assert run_quietly(other, run_dir, restart=True)["rollout/teacher-cot"] is Outcome.DONE


def test_a_single_stage_needs_its_inputs(recipe_path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(recipe_path)
    only = [StageRef(kind="curate", name="teacher-agent")]
    with pytest.raises(
        MissingInputError, match="curate/teacher-agent: takes from rollout/teacher-agent, which is not done yet"
    ):
        run_recipe(recipe, tmp_path / "run", only=only, say=lambda _: None, quiet=True)


def test_two_runs_in_one_folder_are_refused(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    with RunDirectory(run_dir).locked(), pytest.raises(RunLockedError, match=f"process {os.getpid()}"):
        run_quietly(load_recipe(recipe_path), run_dir)


def test_grading_again_keeps_attempts_and_names_changes(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    recipe = load_recipe(recipe_path)
    run_quietly(recipe, run_dir)
    scores = run_dir / "rollout" / "teacher-agent" / "scores.jsonl"
    lines = scores.read_text().splitlines()
    spoilt = json.loads(lines[0])
    spoilt["correct"] = not spoilt["correct"]
    scores.write_text("\n".join([json.dumps(spoilt), *lines[1:]]) + "\n")
    before = records_of(run_dir)
    said = list(grade_run(recipe, run_dir, again=True, quiet=True))
    assert any("rollout/teacher-agent: 12 graded, 1 of 12 verdicts changed" in line for line in said), said
    assert any("curate/teacher-agent was made from the old verdicts" in line for line in said)
    assert scores.read_text().splitlines() == lines
    assert records_of(run_dir) == before


def kill_in(recipe_path: Path, run_dir: Path, stage: str, delay_s: float) -> bool:
    """Start a run and SIGKILL it a moment after a stage was begun; whether it was still going."""
    words = [sys.executable, "-m", "understudy", "run", str(recipe_path), "--run-dir", str(run_dir)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (run_dir / stage / "stage.json").exists():
        time.sleep(0.005)
    time.sleep(delay_s)
    was_going = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return was_going


@pytest.mark.parametrize("n_kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_a_killed_run_ends_in_the_same_records(recipe_path: Path, tmp_path: Path, n_kills: int) -> None:
    recipe = load_recipe(recipe_path)
    run_quietly(recipe, tmp_path / "undisturbed")
    rng = random.Random(n_kills)
    stages = ("rollout/teacher-cot", "rollout/teacher-agent", "evaluate/teacher", "evaluate/cot")
    delays = [rng.uniform(0, 0.1) for _ in range(n_kills)]
    killed = [kill_in(recipe_path, tmp_path / "killed", stages[n % 4], delay) for n, delay in enumerate(delays)]
    assert any(killed)
    run_quietly(recipe, tmp_path / "killed")
    assert records_of(tmp_path / "killed") == records_of(tmp_path / "undisturbed")
    examples = [tmp_path / name / "curate" / "teacher-agent" / "examples.jsonl" for name in ("killed", "undisturbed")]
    assert examples[0].read_bytes() == examples[1].read_bytes(), "a training sees the same examples in the same order"
    assert metrics_of(tmp_path / "killed") == metrics_of(tmp_path / "undisturbed")
    states = [json.loads(path.read_text())["state"] for path in (tmp_path / "killed").glob("*/*/stage.json")]
    assert set(states) == {StageState.DONE}


def test_examples_are_of_the_students_prompt(recipe_path: Path, tmp_path: Path) -> None:
    from understudy.records import Example

    run_dir = tmp_path / "run"
    run_quietly(load_recipe(recipe_path), run_dir)
    examples = list(read_jsonl(run_dir / "curate" / "teacher-agent" / "examples.jsonl", Example))
    assert examples
    assert all(example.messages[0].content == "Answer with thoughts and Python code." for example in examples)
