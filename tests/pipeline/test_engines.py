"""Models of all roles on servers that a run starts: rollout, judge, simulated user, on-policy teacher, students."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.models.engines.conftest import make_fake
from tests.models.engines.own_engine import OwnServer
from tests.models.real_vllm import EXACT, save_vllm_script, set_environment
from tests.pipeline.test_run import metrics_of, run_quietly
from understudy.models import OpenAIChatConfig
from understudy.models.parity import StudentMismatchError
from understudy.pipeline import Recipe, RunDirectory, load_recipe
from understudy.pipeline.context import RunContext
from understudy.pipeline.trainings import TrainingStage, run_trainings
from understudy.records import StageRef
from understudy.rollouts import read_trajectories
from understudy.training import TrainingJob

BASE = "package:understudy/demo/base"
RECIPE = """\
name: engines
tasks:
  train: {{name: toy, split: train, limit: 6}}
  test: {{name: toy, split: test, limit: 2}}
  talks: {{path: {talks}, fields: {{metadata: metadata}}}}
retrieval: {{kind: memory, corpus: toy}}
tools: {{search: {{k: 1, shape: brief}}}}
sandbox: {{preload: []}}
models:
  program: {{kind: scripted, program: "understudy.tasks.toy:toy_teacher"}}
  base: {{kind: local, path: "{base}", device: cpu, engine: {engine}}}
agents:
  agent: {{kind: code_agent, prompts: minimal, max_steps: 2, max_tokens: 24}}
  talker: {{kind: tool_calling, prompts: minimal, max_steps: 2, max_tokens: 24}}
user: {{model: base, max_turns: 2, max_tokens: 16}}
grading: {{kind: judge, model: base, max_tokens: 48}}
rollout:
  program: {{tasks: [train], model: program, agent: agent}}
  base: {{tasks: [talks], model: base, agent: talker}}
curate:
  agent: {{rollouts: [program], agent: agent}}
train:
  lora: {{examples: agent, base: base, method: lora, epochs: null, max_steps: 2, batch_size: 2, learning_rate: 0.01}}
on_policy:
  again: {{examples: agent, student: base, teacher: train/lora, n_steps: 1, batch_size: 2, max_new_tokens: 4,
    n_threads: 1, learning_rate: 0.001}}
evaluate:
  lora: {{label: lora, model: train/lora, agent: agent, tasks: [test]}}
  again: {{label: again, model: on_policy/again, agent: agent, tasks: [test]}}
"""
TALK = {"id": "talk", "question": "Where is my order?", "metadata": {"user": "You are Ana. Order 7106 came late."}}
OWN = {"kind": "tests.models.engines.own_engine:OwnServer", "deadline_s": 300, "memory_share": 0.2}


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    path = tmp_path / "talks.jsonl"
    path.write_text(json.dumps(TALK) + "\n")
    return path


@pytest.fixture(params=["own", "vllm"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    if request.param == "own":
        yield OWN
        return
    executable = save_vllm_script(tmp_path)
    set_environment(monkeypatch)
    yield {"kind": "vllm", "executable": executable, "extra_arguments": EXACT[1:], "memory_share": 0.2}


def recipe_with(engine: object, talks: Path, folder: Path, *words: str) -> Recipe:
    path = folder / "engines.yaml"
    path.write_text(RECIPE.format(engine=json.dumps(engine), base=BASE, talks=talks))
    return load_recipe(path, words)


class WithoutPromptLogprobs(OwnServer):
    """As llama.cpp."""

    gives_prompt_logprobs = False


class TrainingBeginsError(Exception):
    """Raised in place of a training."""


def test_servers_are_stopped_before_a_training_and_started_again_afterwards(
    talks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = make_fake(tmp_path, monkeypatch)
    recipe = recipe_with({"kind": "vllm", "executable": fake.executable, "deadline_s": 60}, talks, tmp_path)
    ref = StageRef.parse("train/lora")
    running: list[set[int]] = []

    def begin(_: TrainingStage[Any]) -> TrainingJob:
        running.append(fake.running())
        raise TrainingBeginsError

    monkeypatch.setattr(recipe.stage_class(ref), "job", begin)
    with RunContext(recipe, RunDirectory(tmp_path / "run"), quiet=True) as context:
        context.grader()
        assert context.runtime().user
        with closing(context.open_model("base")):
            running.append(fake.running())
        training: Any = recipe.stage_class(ref)(context, ref, recipe.config(ref))
        with pytest.raises(TrainingBeginsError):
            list(run_trainings([training]))
        context.grader()
        running.append(fake.running())
    running.append(fake.running())
    before, during, after, end = running
    assert (len(before), during, len(after), end) == (2, set(), 2, set()), "a server and its worker, or nothing"
    assert before.isdisjoint(after)


def test_an_on_policy_teacher_is_asked_where_the_engine_gives_prompt_logprobs(
    talks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = make_fake(tmp_path, monkeypatch)
    folder = RunDirectory(tmp_path / "run")
    served = recipe_with({"kind": "vllm", "executable": fake.executable, "deadline_s": 60}, talks, tmp_path)
    with RunContext(served, folder) as context:
        teacher = context.teacher("base")
        assert isinstance(teacher, OpenAIChatConfig)
        assert teacher.tokenizer is not None
    without = {"kind": f"{__name__}:{WithoutPromptLogprobs.__name__}"}
    with RunContext(recipe_with(without, talks, tmp_path), folder) as context:
        assert isinstance(context.teacher("base"), str), "weights, which the training loads"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_computes_models_of_all_roles(engine: object, talks: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_quietly(recipe_with(engine, talks, tmp_path), run_dir)
    (talk,) = read_trajectories(run_dir / "rollout" / "base" / "trajectories.jsonl")
    assert talk.failure is None
    assert talk.user_usage.completion_tokens > 0
    assert [name for name, _ in metrics_of(run_dir)] == ["again", "lora"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_of_other_weights_ends_the_run_before_the_first_task(talks: Path, tmp_path: Path) -> None:
    recipe = recipe_with({**OWN, "always": BASE}, talks, tmp_path, "train.lora.method=full")
    only = ("rollout/program", "curate/agent", "train/lora", "evaluate/lora")
    with pytest.raises(StudentMismatchError, match=r"server is not .*, but its base"):
        run_quietly(recipe, tmp_path / "run", only=[StageRef.parse(one) for one in only])
    assert not (tmp_path / "run/evaluate/lora/trajectories.jsonl").exists()
