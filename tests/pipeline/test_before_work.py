"""What a late stage reads is looked at before the first stage begins, which may be a teacher's dear rollout."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.datafiles import DataFileError
from understudy.models.engines.engine import EngineError
from understudy.pipeline import load_recipe, run_recipe
from understudy.pipeline.before_work import DeviceError, MissingKeyError, TrainingSetupError

RECIPE = """\
name: late
tasks:
  train: {name: toy, split: train, limit: 2}
  own: {path: own.jsonl}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher"}
  far: {kind: openai_chat, model: m, api_key_env: NO_SUCH_KEY_IS_SET}
  served: {kind: local, path: some/model, engine: {kind: vllm, executable: no-such-vllm}}
  on-gpu: {kind: local, path: some/model, device: cuda}
  plain: {kind: local, path: some/model}
  wide: {kind: local, path: some/model, engine: {kind: vllm, executable: sh, gpus_per_replica: 2}}
agents:
  agent: {kind: code_agent, prompts: minimal}
  cot: {kind: chain_of_thought}
retrieval: {kind: memory, corpus: toy}
rollout:
  main: {tasks: [train], model: teacher, agent: agent}
"""
CURATE = "curate:\n  main: {rollouts: [main], agent: agent, chat: {path: chat.jsonl, ratio: 0.5}}\n"
CHAT = b'{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello"}]}\n'
OWN = b'{"question": "Two and two?", "answer": "4"}\n'
EVALUATE = "evaluate:\n  main: {label: late, model: teacher, agent: agent, tasks: [own]}\n"
FAR = "evaluate:\n  main: {label: far, model: far, agent: cot, tasks: [own]}\n"
IMPORTED = "imported:\n  main: {path: old.jsonl, task_kind: math}\n"
USER = "user: {model: far}\n"
JUDGE = "grading: {kind: judge, model: far}\n"
CURATED = CURATE.replace(", chat: {path: chat.jsonl, ratio: 0.5}", "")
TRAIN = CURATED + "train:\n  main: {examples: main, base: plain, LATE}\n"
CASES = [
    (EVALUATE, {"own.jsonl": b""}, ValueError, "own: expected tasks, the source holds no rows"),
    (EVALUATE, {"own.jsonl": b'{"question": "Two?"'}, ValueError, "own.jsonl, line 1"),
    (EVALUATE, {"own.jsonl": b"\xff\xfe\x00"}, ValueError, "own.jsonl"),
    (EVALUATE, {"own.jsonl": OWN + b'{"answer": "4"}\n'}, ValueError, "line 2"),
    (EVALUATE, {"own.jsonl/notes.txt": b"x"}, DataFileError, "own.jsonl"),
    (IMPORTED, {"old.jsonl": b""}, ValueError, "old.jsonl: expected trajectories, it holds no rows"),
    (IMPORTED, {"old.jsonl": b'{"messages": '}, ValueError, "old.jsonl, line 1"),
    (IMPORTED, {"old.jsonl": b"\xff\xfe\x00"}, ValueError, "old.jsonl, line 1"),
    (IMPORTED, {"old.jsonl/notes.txt": b"x"}, DataFileError, "old.jsonl"),
    (CURATE, {"chat.jsonl": b""}, ValueError, "chat.jsonl: expected conversations"),
    (CURATE, {"chat.jsonl": b"\xff\xfe\x00"}, ValueError, "chat.jsonl"),
    (CURATE, {"chat.jsonl": b'{"text": "Hello"}\n'}, ValueError, "chat.jsonl, line 1"),
    (CURATE, {"chat.jsonl/notes.txt": b"x"}, DataFileError, "chat.jsonl"),
    (FAR, {}, MissingKeyError, "models.far.api_key_env: the environment variable NO_SUCH_KEY_IS_SET"),
    (FAR.replace("model: far", "model: served"), {}, EngineError, "models.served.engine: .*executable 'no-such-vllm'"),
    (
        TRAIN.replace("LATE", "launcher: [no-such-launcher, launch]"),
        {},
        TrainingSetupError,
        "train.main.launcher: there is no executable 'no-such-launcher'",
    ),
    (
        TRAIN.replace("LATE", "report_to: [no-such-tracker]"),
        {},
        TrainingSetupError,
        "train.main.report_to: expected trackers that are installed .*; got 'no-such-tracker'",
    ),
    (
        TRAIN.replace("LATE", "attention: flash_attention_2"),
        {},
        TrainingSetupError,
        "train.main.attention: 'flash_attention_2' ",
    ),
    (JUDGE, {}, MissingKeyError, "models.far.api_key_env"),
    (USER, {}, MissingKeyError, "models.far.api_key_env"),
]


def write(folder: Path, sections: str, files: dict[str, bytes]) -> Path:
    for name, content in {"own.jsonl": OWN, "chat.jsonl": CHAT}.items():
        if not any(given.startswith(name) for given in files):
            (folder / name).write_bytes(content)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / "late.yaml"
    path.write_text(RECIPE + sections)
    return path


@pytest.mark.parametrize(("sections", "files", "error", "said"), CASES)
def test_no_stage_begins_where_a_later_one_cannot(
    tmp_path: Path, sections: str, files: dict[str, bytes], error: type[Exception], said: str
) -> None:
    assert_no_stage_begins(write(tmp_path, sections, files), error, said)
    assert (tmp_path / "run" / "manifest.json").exists()


def assert_no_stage_begins(path: Path, error: type[Exception], said: str) -> None:
    """The run in ``run`` beside the recipe is refused before its first stage."""
    recipe = load_recipe(path)
    with pytest.raises(error, match=said):
        run_recipe(recipe, path.parent / "run", say=lambda _: None, quiet=True)
    assert not (path.parent / "run" / "rollout").exists()


def test_a_model_of_a_late_stage_that_needs_a_gpu_is_refused_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    path = write(tmp_path, FAR.replace("model: far", "model: on-gpu"), {})
    assert_no_stage_begins(path, DeviceError, r"models\.on-gpu\.device: expected a GPU")


def test_servers_that_need_more_gpus_than_there_are_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    path = write(tmp_path, FAR.replace("model: far", "model: wide"), {})
    assert_no_stage_begins(path, EngineError, r"wide: there is no room for 1 servers .*1 GPUs")


def test_the_program_of_a_server_is_found_from_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / "bin").mkdir(parents=True)
    (tmp_path / "home" / "bin" / "vllm").touch()
    (tmp_path / "elsewhere").mkdir()
    path = write(tmp_path, EVALUATE, {})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    for given in ("~/bin/vllm", "./home/bin/vllm"):
        model = load_recipe(path, (f"models.served.engine.executable={given}",)).models["served"]
        assert Path(model.engine.executable).samefile(tmp_path / "home" / "bin" / "vllm")


def test_a_stage_that_is_done_needs_nothing_more(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, EVALUATE, {}))
    first = run_recipe(recipe, tmp_path / "run", say=lambda _: None, quiet=True)
    again = run_recipe(recipe, tmp_path / "run", say=lambda _: None, quiet=True)
    assert set(first.values()) == {"done"}
    assert set(again.values()) == {"unchanged"}
