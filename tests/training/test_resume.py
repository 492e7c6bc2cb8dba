"""A folder belongs to one training: settings that change only the speed do not count, all others are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.training.conversations import write_examples
from understudy.runs import read_jsonl, write_jsonl
from understudy.training import (
    EvalCallbackConfig,
    LogLine,
    Method,
    OnPolicyConfig,
    OtherTrainingError,
    TrainConfig,
    distil_on_policy,
    train,
)
from understudy.training.callbacks import last_whole_checkpoint
from understudy.training.resume import start_or_resume

QUICK = TrainConfig(
    method=Method.FULL, epochs=None, max_steps=4, learning_rate=1e-3, log_every_steps=1, n_threads=1, batch_size=4
)


def stopped(folder: Path) -> None:
    """As if the process had been killed after the checkpoint of step 2."""
    for name in ("checkpoint", "summary.json"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def half_done(base: str, examples_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "out"
    config = QUICK.model_copy(update={"save_every_steps": 2})
    monkeypatch.setattr("understudy.training.fitting.shutil.rmtree", lambda *_, **__: None)  # keep the checkpoints
    train(examples_path, config, base, folder, quiet=True)
    monkeypatch.undo()
    stopped(folder)
    shutil.rmtree(folder / "resume" / "checkpoint-4")
    return folder


@pytest.mark.parametrize(
    "change", [{"n_threads": 2}, {"n_threads": None}, {"report_to": ()}, {"save_every_steps": 1}, {}]
)
def test_a_training_resumes_when_only_its_speed_is_changed(
    base: str, examples_path: Path, half_done: Path, change: dict[str, object]
) -> None:
    config = QUICK.model_copy(update={"save_every_steps": 2, **change})
    summary = train(examples_path, config, base, half_done, quiet=True)
    assert summary.resumed_from == 2
    assert [line.step for line in read_jsonl(half_done / "log.jsonl", LogLine)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 2e-3}, r"config\.learning_rate: was 0\.001, is now 0\.002"),
        ({"seed": 1}, r"config\.seed: was 42, is now 1"),
        ({"batch_size": 2, "packing": False}, r"config\.batch_size: was 4, is now 2; config\.packing: was True"),
        ({"eval_callback": EvalCallbackConfig(every_steps=1)}, r"config\.eval_callback: was None"),
        ({"betas": (0.9, 0.98)}, r"config\.betas: was \[0\.9, 0\.999\], is now \[0\.9, 0\.98\]"),
    ],
)
def test_a_changed_setting_that_changes_the_student_is_named_in_one_line(
    base: str, examples_path: Path, half_done: Path, change: dict[str, object], named: str
) -> None:
    with pytest.raises(OtherTrainingError, match=named) as raised:
        train(examples_path, QUICK.model_copy(update=change), base, half_done, quiet=True)
    assert "\n" not in str(raised.value)
    assert str(half_done) in str(raised.value)
    assert last_whole_checkpoint(half_done / "resume") is not None, "nothing of the other training is touched"


def test_other_examples_are_other_data_and_a_moved_base_is_the_same(
    base: str, examples_path: Path, half_done: Path, tmp_path: Path
) -> None:
    others = write_examples(tmp_path / "others.jsonl", 5)
    with pytest.raises(OtherTrainingError, match="examples: was"):
        train(others, QUICK, base, half_done, quiet=True)
    shutil.copytree(base, tmp_path / "moved")
    shutil.copy(examples_path, tmp_path / "copied.jsonl")
    summary = train(tmp_path / "copied.jsonl", QUICK, str(tmp_path / "moved"), half_done, quiet=True)
    assert summary.resumed_from == 2
    (tmp_path / "moved" / "config.json").write_text("{}")
    with pytest.raises(OtherTrainingError, match="base: was"):
        train(examples_path, QUICK, str(tmp_path / "moved"), half_done, quiet=True)


def test_an_on_policy_distillation_goes_by_the_same_rule(base: str, examples_path: Path, tmp_path: Path) -> None:
    config = OnPolicyConfig(n_steps=1, batch_size=1, max_new_tokens=2, n_threads=1)
    card = distil_on_policy(examples_path, config, base, base, tmp_path, quiet=True)
    changed = config.model_copy(update={"n_threads": 2, "save_every_steps": 7})
    assert distil_on_policy(examples_path, changed, base, base, tmp_path, quiet=True) == card
    with pytest.raises(OtherTrainingError, match=r"config\.temperature: was 1\.0, is now 2\.0"):
        distil_on_policy(examples_path, config.model_copy(update={"temperature": 2.0}), base, base, tmp_path)


def test_a_folder_whose_settings_are_not_known_says_so(tmp_path: Path) -> None:
    (tmp_path / "started.json").write_text('{"digest": "0123456789abcdef"}')
    with pytest.raises(OtherTrainingError, match="choose another folder"):
        start_or_resume(tmp_path, {"config": {"seed": 1}})


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_last_example_of_a_users_file_counts_without_a_newline(
    base: str, examples_path: Path, tmp_path: Path, end: str
) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(examples_path.read_bytes().rstrip(b"\n") + end.encode())
    summary = train(path, QUICK.model_copy(update={"max_steps": 1}), base, tmp_path / "out", quiet=True)
    assert summary.counts.n_examples == 24
    write_jsonl(tmp_path / "none.jsonl", [])
