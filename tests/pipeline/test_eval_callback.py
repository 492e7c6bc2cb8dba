"""A training's eval callback gets what the recipe's agents act with, and its figures are counts of the stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.test_run import run_quietly
from tests.tiny_model import save_tiny_model
from understudy.agents import RuntimeConfig
from understudy.pipeline import RunContext, RunDirectory, TrainingStage, load_recipe
from understudy.pipeline.run import open_stage
from understudy.records import StageRef
from understudy.report.stage_files import read_curves
from understudy.retrieval import MemoryConfig
from understudy.runs import read_jsonl
from understudy.training import EvalCallbackConfig, EvalLine, TrainJob, read_job

RECIPE = """\
name: evaluated
tasks:
  train: {{name: toy, split: train, limit: 4}}
retrieval: {{kind: memory, corpus: toy}}
tools: {{search: {{k: 1, shape: brief}}}}
sandbox: {{preload: []}}
models:
  teacher: {{kind: scripted, program: "understudy.tasks.toy:toy_teacher"}}
  base: {{kind: local, path: {base}, device: cpu}}
agents:
  agent: {{kind: code_agent, prompts: minimal}}
rollout:
  agent: {{tasks: [train], model: teacher, agent: agent}}
curate:
  agent: {{rollouts: [agent], agent: agent}}
train:
  agent: {{examples: agent, base: base, method: full, epochs: null, max_steps: 2, n_threads: 1, batch_size: 1,
    eval_callback: {{every_steps: 1, n_prompts: 2, max_new_tokens: 4}}}}
"""
TRAIN = StageRef(kind="train", name="agent")


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    path = folder / "evaluated.yaml"
    path.write_text(RECIPE.format(base=save_tiny_model(folder / "base")))
    return path


def test_a_training_runs_the_replies_code(recipe_path: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    recipe = load_recipe(recipe_path)
    run_quietly(recipe, run_dir)
    folder = run_dir / "train" / "agent"
    job = read_job(folder)
    assert isinstance(job, TrainJob)
    corpus = MemoryConfig(corpus=run_dir / "corpus.jsonl")
    assert job.acting == RuntimeConfig(sandbox=recipe.sandbox, tools=recipe.tools, retrieval=corpus)
    lines = list(read_jsonl(folder / "eval_callback.jsonl", EvalLine))
    assert [(line.step, line.code_runs_rate) for line in lines] == [(1, 0.0), (2, 0.0)], "four tokens are no code"
    record = RunDirectory(run_dir).read_stage(TRAIN)
    assert record is not None
    assert record.counts["code_runs_rate"] == record.counts["parse_rate"] == 0.0
    curves = {curve.quantity: [point.value for point in curve.points] for curve in read_curves(run_dir)}
    assert set(curves) == {"loss", "parse_rate", "stop_rate", "code_runs_rate"}
    assert curves["code_runs_rate"] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("search", "run_code", "runs"),
    [
        ("{{kind: http, url: 'http://127.0.0.1:9'}}", None, True),
        ("{{kind: http, url: 'http://127.0.0.1:9'}}", False, False),
        ("{{kind: lexical, folder: {tmp}, corpus: {tmp}}}", None, False),
        ("{{kind: lexical, folder: {tmp}, corpus: {tmp}}}", True, True),
    ],
)
def test_an_index_is_opened_in_a_training_only_where_that_is_asked_for(
    recipe_path: Path, tmp_path: Path, search: str, run_code: bool | None, runs: bool
) -> None:
    recipe = load_recipe(recipe_path, (f"retrieval={search.format(tmp=tmp_path)}",))
    with RunContext(recipe, RunDirectory(tmp_path / "run"), quiet=True) as context:
        stage = open_stage(context, TRAIN)
        assert isinstance(stage, TrainingStage)
        acting = stage.runtime_for(EvalCallbackConfig(every_steps=1, run_code=run_code))
        assert acting == (context.acting() if runs else None)
        assert stage.runtime_for(None) is None
