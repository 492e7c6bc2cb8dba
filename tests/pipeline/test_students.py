"""An evaluation first verifies that the student is the one that was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.test_run import run_quietly
from tests.tiny_gguf import write_tiny_gguf
from tests.tiny_model import save_tiny_model
from understudy.export import EXPORTERS
from understudy.models import LocalConfig, Request, open_model
from understudy.models.gguf_file import file_sha256
from understudy.models.loading import AdapterWithoutEffectError, load_base
from understudy.models.parity import ParityReport, StudentMismatchError
from understudy.pipeline import Recipe, export_student, load_recipe, verify_students
from understudy.pipeline.students import comparison_lines
from understudy.records import Manifest, Message, Role
from understudy.training import read_card

RECIPE = """\
name: students
tasks:
  train: {{name: toy, split: train, limit: 6}}
  test: {{name: toy, split: test, limit: 2}}
retrieval: {{kind: memory, corpus: toy}}
tools: {{search: {{k: 1, shape: brief}}}}
sandbox: {{preload: []}}
models:
  teacher: {{kind: scripted, program: "understudy.tasks.toy:toy_teacher"}}
  base: {{kind: local, path: {base}, device: cpu}}
agents:
  agent: {{kind: code_agent, prompts: minimal, max_tokens: 4, max_steps: 2}}
  long: {{kind: code_agent, prompts: minimal}}
rollout:
  teacher: {{tasks: [train], model: teacher, agent: long}}
curate:
  teacher: {{rollouts: [teacher], agent: agent}}
train:
  student: {{examples: teacher, base: base, method: {method}, lora: {{r: 4}}, max_steps: 2, epochs: null, n_threads: 1,
    batch_size: 2}}
evaluate:
  student: {{label: student, model: train/student, agent: agent, tasks: [test]}}
  again: {{label: again, model: train/student, agent: agent, tasks: [test]}}
"""


def recipe_of(folder: Path, method: str, base: Path | None = None) -> Recipe:
    path = folder / "students.yaml"
    path.write_text(RECIPE.format(base=base or save_tiny_model(folder / "base"), method=method))
    return load_recipe(path)


@pytest.mark.parametrize(
    ("method", "systems"), [("lora", ["base", "acting"]), pytest.param("full", ["base"], marks=pytest.mark.slow)]
)
def test_a_student_is_proven_once(
    tmp_path: Path, method: str, systems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run_dir = recipe_of(tmp_path, method), tmp_path / "run"
    loads = loaded_weights(monkeypatch)
    run_quietly(recipe, run_dir)
    path = run_dir / "train/student/parity.json"
    base, trained = str(tmp_path / "base"), str(path.parent / "checkpoint")
    student = base if method == "lora" else trained
    # The first evaluation acts with the weights that were compared; the second one, "again", loads them.
    assert loads == ([student, student] if method == "lora" else [base, student, student])
    report = ParityReport.model_validate_json(path.read_bytes())
    assert [one.system for one in report.systems] == systems
    assert all((one.max_difference_nat or 0) > 0 for one in report.systems if one.system == "base")
    said = list(verify_students(recipe, run_dir, "student"))
    assert said[0].startswith("train/student: ")
    assert any("server" in line for line in said)
    with pytest.raises(ValueError, match=r"expected one of train/student; got 'untaught'"):
        list(verify_students(recipe, run_dir, "untaught"))
    check_folder_export(recipe, run_dir, tmp_path / "exported")


def loaded_weights(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the weights that this process loads from now on."""
    loads: list[str] = []

    def counted(path: str, *settings: Any, **more: Any) -> Any:
        loads.append(path)
        return load_base(path, *settings, **more)

    monkeypatch.setattr("understudy.models.loading.load_base", counted)
    return loads


def check_folder_export(recipe: Recipe, run_dir: Path, folder: Path) -> None:
    """The exported folder is a model like any other, says what the student says, and knows its agent."""
    form = EXPORTERS.validate("folder")
    with pytest.raises(ValueError, match=r"--agent: expected one of agent, long; got 'other'"):
        list(export_student(recipe, run_dir, form, folder, agent="other"))
    assert not folder.exists()
    assert list(export_student(recipe, run_dir, form, folder)) == [
        f"{folder}: merged weights, tokenizer, chat template, generation_config.json, agent.json"
    ]
    settings = json.loads((folder / "agent.json").read_text())
    assert settings["agent"]["max_tokens"] == 4
    assert settings["system"] == "Answer with thoughts and Python code."
    assert [tool.split("(")[0] for tool in settings["tools"]] == ["def web_search", "def final_answer"]
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation["do_sample"] is False
    request = Request(messages=(Message(role=Role.USER, content="In which town is Stivumso based?"),), max_tokens=8)
    base, checkpoint = str(folder.parent / "base"), run_dir / "train/student/checkpoint"
    is_adapter = (checkpoint / "adapter_config.json").exists()
    student = LocalConfig(path=base, adapter=str(checkpoint)) if is_adapter else LocalConfig(path=str(checkpoint))
    texts = []
    for config in (LocalConfig(path=str(folder)), student):
        with open_model(config) as model:
            texts.append(model.complete(request)[0].token_ids)
    assert texts[0] == texts[1]
    with pytest.raises(ValueError, match="expected a new folder"):
        list(export_student(recipe, run_dir, form, folder))


def test_a_student_without_effect_is_not_evaluated(tmp_path: Path) -> None:
    """As if the training had saved the wrong weights: the base's own, or an adapter of zeros."""
    import torch
    from safetensors.torch import load_file, save_file

    recipe, run_dir = recipe_of(tmp_path, "lora"), tmp_path / "run"
    only = [ref for ref in recipe.ordered_stages() if ref.kind != "evaluate"]
    run_quietly(recipe, run_dir, only=only)
    path = run_dir / "train/student/checkpoint/adapter_model.safetensors"
    save_file({name: torch.zeros_like(one) for name, one in load_file(path).items()}, path)
    with pytest.raises(AdapterWithoutEffectError, match="no effect"):
        run_quietly(recipe, run_dir)
    assert not (run_dir / "evaluate/student/trajectories.jsonl").exists(), "nothing was attempted"


@pytest.mark.slow
def test_full_weights_that_are_the_bases_are_not_evaluated(tmp_path: Path) -> None:
    recipe, run_dir = recipe_of(tmp_path, "full"), tmp_path / "run"
    only = [ref for ref in recipe.ordered_stages() if ref.kind != "evaluate"]
    run_quietly(recipe, run_dir, only=only)
    checkpoint = run_dir / "train/student/checkpoint"
    base = read_card(checkpoint).base
    (checkpoint / "model.safetensors").write_bytes((Path(base) / "model.safetensors").read_bytes())
    with pytest.raises(StudentMismatchError, match="training had no effect"):
        run_quietly(recipe, run_dir)


def test_a_student_of_a_gguf_file_acts_and_the_manifest_has_the_file_s_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = write_tiny_gguf(tmp_path / "tiny.gguf", quantised=True)
    recipe, run_dir = recipe_of(tmp_path, "lora", file), tmp_path / "run"
    run_quietly(recipe, run_dir)
    expected = file_sha256(str(file))
    manifest = Manifest.model_validate_json((run_dir / "manifest.json").read_bytes())
    assert manifest.weights == {"base": expected}
    card = read_card(run_dir / "train/student/checkpoint")
    assert (card.base, card.base_sha256) == (str(file), expected)
    report = ParityReport.model_validate_json((run_dir / "train/student/parity.json").read_bytes())
    assert [one.system for one in report.systems] == ["base", "acting"]
    assert (run_dir / "evaluate/student/trajectories.jsonl").exists()


def test_the_flags_of_vllm_are_said_for_a_student_that_calls_tools() -> None:
    report = ParityReport(reference="student", n_prompts=1, systems=(), call_form="llama_json")
    (line,) = comparison_lines(report)
    assert line.endswith("--enable-auto-tool-choice --tool-call-parser llama3_json")
    assert not list(comparison_lines(report.model_copy(update={"call_form": ""})))
