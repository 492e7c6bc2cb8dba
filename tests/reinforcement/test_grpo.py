"""One step of GRPO on tiny models: code agents through ``rollout_func``, tool calls through ``environment_factory``."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.tiny_model import save_tiny_model
from understudy.agents import AgentRuntime, CodeAgentConfig, ToolCallingConfig
from understudy.environments import ENVIRONMENTS
from understudy.grading import GRADERS
from understudy.models import LocalConfig
from understudy.models.rendering import Renderer, open_renderer
from understudy.pipeline import RunDirectory, export_rl, load_recipe
from understudy.records import StageRef, Task, Trajectory
from understudy.reinforcement import RlSetup, open_session, write_script
from understudy.reinforcement.rollouts import columns
from understudy.reinforcement.worlds import world_class
from understudy.reinforcement.written import Written
from understudy.run_layout import CHECKPOINT
from understudy.sandbox import SandboxConfig
from understudy.training.checkpoint import CARD

YARD = "tests.environments.yard:Yard"
TASKS = (
    Task(id="one", question="Move a box.", answer="1", metadata={"boxes": ["a", "b"]}),
    Task(id="two", question="Move two boxes.", answer="2", metadata={"boxes": ["c"]}),
)

RECIPE = """\
name: rl
tasks:
  train: {name: toy, split: train, limit: 3}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher"}
  student: {kind: local, path: TINY, device: cpu, dtype: float32}
retrieval: {kind: memory, corpus: toy}
agents:
  agent: {kind: code_agent, prompts: minimal}
rollout:
  main: {tasks: [train], model: teacher, agent: agent}
curate:
  main: {rollouts: [main], agent: agent}
train:
  clerk: {examples: main, base: student}
evaluate:
  clerk: {label: clerk, model: train/clerk, agent: agent, tasks: [train]}
"""


def by_length(trajectory: Trajectory) -> Any:
    """Rewards that differ between attempts, so that there is something to learn."""
    from understudy.grading import Judgement

    written = sum(len(trajectory.messages[step.message_index].content) for step in trajectory.steps)
    return Judgement(False, f"{written} characters", value=(written % 17) / 17)


def setup(folder: Path, agent: Any, tasks: tuple[Task, ...]) -> RlSetup:
    return RlSetup(
        name="train/tiny",
        student=LocalConfig(path=str(folder), device="cpu", dtype="float32"),  # type: ignore[arg-type]
        agent=agent,
        grading=GRADERS.validate(f"{__name__}:by_length"),
        tasks=tasks,
        environment=ENVIRONMENTS.validate(YARD),
        sandbox=SandboxConfig(preload=()),
    )


def run_script(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the written script with small numbers."""
    text = script.read_text()
    for old, new in (
        ("num_generations=8", "num_generations=2"),
        ("per_device_train_batch_size=8", "per_device_train_batch_size=2, use_cpu=True"),
        ("max_steps=100", "max_steps=1"),
        ("learning_rate=1e-6", "learning_rate=1e-2"),
    ):
        assert old in text
        text = text.replace(old, new)
    script.write_text(text)
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setattr(sys, "argv", [str(script)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runpy.run_path(str(script), run_name="__main__")


def weights(folder: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def changed(before: Path, after: Path) -> bool:
    old, new = weights(before), weights(after)
    return any(not bool((old[name] == new[name]).all()) for name in old if name in new)


@pytest.mark.slow
def test_a_code_agent_takes_one_step_through_rollout_func(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = save_tiny_model(tmp_path / "tiny")
    agent = CodeAgentConfig(prompts="minimal", max_steps=2, max_tokens=12)  # type: ignore[arg-type]
    dialogues = tuple(task.model_copy(update={"turns": ("Go on.",)}) for task in TASKS)
    script = write_script(setup(tiny, agent, dialogues), tmp_path / "rl")
    run_script(script, monkeypatch)
    assert changed(tiny, tmp_path / "rl" / "student")


@pytest.mark.slow
def test_an_agent_that_calls_tools_takes_one_step_through_environment_factory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl.chat_template_utils import qwen3_chat_template

    tiny = save_tiny_model(tmp_path / "tiny")
    (tiny / "chat_template.jinja").write_text(qwen3_chat_template)
    agent = ToolCallingConfig(prompts="minimal", max_tokens=12)  # type: ignore[arg-type]
    script = write_script(setup(tiny, agent, TASKS), tmp_path / "rl")
    run_script(script, monkeypatch)
    assert changed(tiny, tmp_path / "rl" / "student")


def test_methods_of_a_world_are_its_tools() -> None:
    from transformers.utils import get_json_schema

    runtime = AgentRuntime(worlds=None)
    assert world_class(runtime, TASKS[0])(runtime, lambda _: TASKS[0])._results == []
    from understudy.environments import Worlds

    with Worlds(YARD) as worlds:
        runtime = AgentRuntime(worlds=worlds)
        tasks = {task.id: task for task in TASKS}
        world: Any = world_class(runtime, TASKS[0])(runtime, tasks.__getitem__)
        schema = get_json_schema(world.move)["function"]
        assert schema["parameters"]["required"] == ["source", "target"]
        assert schema["parameters"]["properties"]["source"]["type"] == "integer"
        world.reset(task="one")
        assert world.move(source=0, target=1) == "b"
        assert "there is no pile 9" in world.look(pile=9)
        assert "source" in world.move(source=0)
        world.reset(task="two")
        assert world.look(pile=0) == '["c"]'
        assert world.add(pile=0) == "2"


def own_text(renderer: Renderer, trajectory: Trajectory, written: list[Written]) -> tuple[str, str]:
    """The text of a completion that is trained, and the rest of it."""
    (prompt,), (completion,), (mask,) = columns(renderer, [trajectory], [written]).values()
    assert prompt == renderer.prompt_ids(trajectory.messages[:2])
    assert len(completion) == len(mask)
    parts = [[one for one, is_own in zip(completion, mask, strict=True) if is_own is wanted] for wanted in (1, 0)]
    own, rest = (renderer.tokenizer.decode(part) for part in parts)
    return own, rest


def test_columns_hold_all_replies_and_mark_what_the_model_wrote(tmp_path: Path) -> None:
    from tests.agents.scripts import action, in_order
    from understudy.environments import Worlds
    from understudy.sandbox import Sandbox

    renderer = open_renderer(str(save_tiny_model(tmp_path / "tiny")))
    replies = (action("print(move(0, 1))"), action("final_answer(1)"))
    with Sandbox(preload=()) as sandbox, Worlds(YARD) as worlds:
        agent = AgentRuntime(sandbox=sandbox, worlds=worlds).open_agent(
            CodeAgentConfig(prompts="minimal"),
            in_order(*replies),  # type: ignore[arg-type]
        )
        trajectory = agent.solve(TASKS[0])
    first, last = (trajectory.messages[step.message_index].content for step in trajectory.steps)
    own, rest = own_text(renderer, trajectory, [Written(first, ended_turn=True), Written(last, ended_turn=True)])
    assert own == f"{first}<|im_end|>{last}<|im_end|>"
    assert "user\nb" in rest
    # A stop string ended the first reply, so the model did not end its turn; it left the last one's end code out.
    short = last.removesuffix("<end_code>")
    assert short != last
    own, rest = own_text(renderer, trajectory, [Written(first, ended_turn=False), Written(short, ended_turn=True)])
    # The tokenizer makes one token of the last backtick and the added "<"; the model did not sample it.
    assert own == first + short.removesuffix("```")
    assert rest.endswith("```<end_code><|im_end|>")


def test_a_rollout_trains_the_sampled_text_alone(tmp_path: Path) -> None:
    """What the tiny model itself sampled, with its own ids."""
    tiny = save_tiny_model(tmp_path / "tiny")
    agent = CodeAgentConfig(prompts="minimal", max_steps=3, max_tokens=9)  # type: ignore[arg-type]
    script = write_script(setup(tiny, agent, TASKS), tmp_path / "rl")
    heard: list[Any] = []

    class Trainer:
        args = type("Args", (), {"temperature": 1.0, "top_p": 1.0})
        state = type("State", (), {"global_step": 0})

        def __init__(self, model: Any) -> None:
            self.model = model
            self.accelerator = type("Accelerator", (), {"unwrap_model": staticmethod(lambda model: model)})

    with open_session(script.parent / "setup.json") as session:
        policy = session._policy_of(session.model)
        complete_ids = policy.complete_ids

        def complete(*args: Any) -> Any:
            made = complete_ids(*args)
            heard.extend(made)
            return made

        policy.complete_ids = complete  # type: ignore[method-assign]
        found = session.rollout(["one"], Trainer(session.model))
        end = session._renderer.end_of_turn_ids
        tokenizer = session.tokenizer
    ((ids,), (mask,)) = (found["completion_ids"] or []), (found["env_mask"] or [])
    own = tokenizer.decode([one for one, is_own in zip(ids, mask, strict=True) if is_own], skip_special_tokens=True)
    assert own == "".join(tokenizer.decode(one.token_ids, skip_special_tokens=True) for one in heard)
    n_ends = sum(one in end for one, is_own in zip(ids, mask, strict=True) if is_own)
    assert n_ends == sum(one.token_ids[-1] in end for one in heard)
    assert 0 < sum(mask) < len(mask)


def test_a_run_names_its_student_agent_and_tasks(tmp_path: Path) -> None:
    """The folder that ``export-rl`` writes for a run whose training left a checkpoint."""
    tiny = save_tiny_model(tmp_path / "tiny")
    (tmp_path / "rl.yaml").write_text(RECIPE.replace("TINY", str(tiny)))
    recipe = load_recipe(tmp_path / "rl.yaml")
    run_dir = tmp_path / "run"
    with pytest.raises(FileNotFoundError, match="has not been trained"):
        export_rl(recipe, run_dir, tmp_path / "rl")
    checkpoint = RunDirectory(run_dir).folder(StageRef(kind="train", name="clerk")) / CHECKPOINT
    shutil.copytree(tiny, checkpoint)
    card = {"base": str(tiny), "method": "full", "is_adapter": False, "digest": "d", "n_steps": 1, "n_trainable": 1}
    (checkpoint / CARD).write_text(json.dumps(card))
    script = export_rl(recipe, run_dir, tmp_path / "rl", tasks=["train"])
    assert "rollout_func=session.rollout" in script.read_text()
    with open_session(script.parent / "setup.json") as session:
        assert session.setup.student.path == str(checkpoint)
        assert len(session.dataset()) == 3
        assert session.setup.agent == recipe.agents["agent"]
    with pytest.raises(ValueError, match="it is there already"):
        export_rl(recipe, run_dir, tmp_path / "rl")
    with pytest.raises(ValueError, match=r"--tasks: expected some of train; got 'tran'"):
        export_rl(recipe, run_dir, tmp_path / "other", tasks=["tran"])
