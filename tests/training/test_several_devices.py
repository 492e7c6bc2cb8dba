"""Two processes train the student of one, whatever is divided among them, and resume after a kill."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from understudy.models.loading import without_peft_warning
from understudy.runs import read_jsonl
from understudy.training import (
    EvalCallbackConfig,
    EvalLine,
    LogLine,
    LoraSettings,
    Method,
    TrainConfig,
    TrainJob,
    read_card,
    train,
    write_job,
)

if TYPE_CHECKING:
    import torch

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LORA = LoraSettings(r=4, alpha=8, dropout=0)  # what dropout drops depends on the device
CONFIG = TrainConfig(
    epochs=None, max_steps=5, learning_rate=3e-3, log_every_steps=1, n_threads=1, batch_size=3, lora=LORA
)
has_deepspeed = importlib.util.find_spec("deepspeed") is not None
DEEPSPEED = pytest.param(
    "deepspeed-zero2",
    "DeepSpeedEngine",
    marks=pytest.mark.skipif(
        not has_deepspeed, reason="deepspeed is not installed: it has no wheel, and needs a compiler"
    ),
)
DIVIDED = [("fsdp", "DTensor"), DEEPSPEED]


def losses(out_dir: Path) -> list[float]:
    return [line.loss for line in read_jsonl(out_dir / "log.jsonl", LogLine)]


def job(folder: Path, examples_path: Path, config: TrainConfig, base: str) -> Path:
    write_job(folder, TrainJob(examples=examples_path, base=base, config=config))
    return folder


@contextmanager
def launched(recipe: str, module: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Two processes of ``accelerate launch`` with a shipped file; none of them is left behind, killed the hard way."""
    config_file = str(ROOT / "recipes" / "accelerate" / f"{recipe}.yaml")
    launch = ["-m", "accelerate.commands.launch", "--config_file", config_file, "--main_process_port", "0"]
    process = subprocess.Popen(
        [sys.executable, *launch, "-m", module, str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        family = [*psutil.Process(process.pid).children(recursive=True), process] if process.poll() is None else []
        for one in family:
            one.send_signal(signal.SIGKILL)
        process.communicate()


def finish(recipe: str, module: str, folder: Path) -> str:
    with launched(recipe, module, folder) as process:
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output
    return output


def logits(checkpoint: Path) -> torch.Tensor:
    """(1, 40, V) of a student, as anyone would load it: by plain transformers, or PEFT where it is an adapter."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    card = read_card(checkpoint)
    model = AutoModelForCausalLM.from_pretrained(card.base if card.is_adapter else checkpoint)
    if card.is_adapter:
        with without_peft_warning():
            model = PeftModel.from_pretrained(model, checkpoint)
    with torch.no_grad():
        return model.eval()(torch.arange(40)[None]).logits


def assert_same_student(one: Path, other: Path, tolerance: float) -> None:
    assert losses(other) == pytest.approx(losses(one), abs=tolerance)
    assert read_card(other / "checkpoint").n_trainable == read_card(one / "checkpoint").n_trainable
    expected = logits(one / "checkpoint")
    assert float((logits(other / "checkpoint") - expected).abs().mean()) < tolerance
    assert float(expected.std()) > 100 * tolerance  # otherwise any two students would be the same


@pytest.mark.parametrize("method", [Method.FULL, Method.LORA])
def test_two_processes_by_the_shipped_file_train_the_student_of_one(
    base: str, examples_path: Path, tmp_path: Path, method: Method
) -> None:
    config = CONFIG.model_copy(update={"method": method, "tokens_per_pass": 150})
    train(examples_path, config, base, tmp_path / "one", quiet=True)
    finish("ddp", "understudy.training", job(tmp_path / "two", examples_path, config, base))
    assert_same_student(tmp_path / "one", tmp_path / "two", 1e-5)


@pytest.mark.parametrize("method", [Method.FULL, Method.LORA])
@pytest.mark.parametrize(("recipe", "held"), DIVIDED)
def test_divided_weights_are_trained_to_the_student_of_one_process(
    base: str, examples_path: Path, tmp_path: Path, recipe: str, held: str, method: Method
) -> None:
    evaluates = EvalCallbackConfig(every_steps=2, n_prompts=2, max_new_tokens=4)
    changes = {"method": method, "tokens_per_pass": 150, "max_grad_norm": 0.7, "eval_callback": evaluates}
    config = CONFIG.model_copy(update=changes)
    train(examples_path, config, base, tmp_path / "one", quiet=True)
    two = job(tmp_path / "two", examples_path, config, base)
    assert held in finish(recipe, "tests.training.several_devices", two)
    assert_same_student(tmp_path / "one", two, 1e-5)
    assert [line.step for line in read_jsonl(two / "eval_callback.jsonl", EvalLine)] == [2, 4, 5]


@pytest.mark.parametrize(("recipe", "held"), DIVIDED)
def test_divided_weights_in_bfloat16_are_trained_as_in_one_process(
    base: str, examples_path: Path, tmp_path: Path, recipe: str, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sequence a step: one of the two devices has none of its own, and only takes part in what all must do.

    Both compute the loss by the fused head of a GPU. The plain head rounds gradients otherwise in bfloat16, which moves
    the losses by 1.5e-4: that, and neither the processor nor FSDP, was once taken for a difference. Gradients or
    log-probabilities in bfloat16 move them by 3e-3.
    """
    from understudy.training import losses as by_pass

    monkeypatch.setattr(by_pass, "loss_by_logits", by_pass.loss_by_fused_head)
    changes = {"dtype": "bfloat16", "batch_size": 1, "gradient_checkpointing": True}
    config = CONFIG.model_validate({**CONFIG.model_dump(), **changes})
    train(examples_path, config, base, tmp_path / "one", quiet=True)
    two = job(tmp_path / "two", examples_path, config, base)
    finish(recipe, "tests.training.several_devices", two)
    # DeepSpeed holds the adapter itself in bfloat16, beside a copy in float32.
    assert losses(two) == pytest.approx(losses(tmp_path / "one"), abs=1e-5 if recipe == "fsdp" else 5e-3)


@pytest.mark.parametrize(
    ("recipe", "module"),
    [
        ("ddp", "understudy.training"),
        ("fsdp", "tests.training.several_devices"),
        pytest.param(DEEPSPEED.values[0], "tests.training.several_devices", marks=DEEPSPEED.marks),
    ],
)
def test_two_killed_processes_resume_to_the_same_losses(
    base: str, examples_path: Path, tmp_path: Path, recipe: str, module: str
) -> None:
    method = Method.LORA if recipe == "ddp" else Method.FULL
    config = CONFIG.model_copy(update={"method": method, "max_steps": 40, "save_every_steps": 4})
    train(examples_path, config, base, tmp_path / "one", quiet=True)
    two = job(tmp_path / "two", examples_path, config, base)
    with launched(recipe, module, two):
        deadline = time.monotonic() + 200
        while not (two / "log.jsonl").exists() or (two / "log.jsonl").read_bytes().count(b"\n") < 7:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not (two / "summary.json").exists()
    finish(recipe, module, two)
    assert '"resumed_from": 0' not in (two / "summary.json").read_text()
    assert_same_student(tmp_path / "one", two, 1e-4)
