"""A training ends at the first number that is not finite; nothing of it is saved, and earlier checkpoints stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.tiny_model import changed
from tests.training.conversations import example
from understudy.runs import BadRecordError, read_jsonl, write_jsonl
from understudy.training import (
    LogLine,
    LoraSettings,
    Method,
    NotFiniteError,
    OnPolicyConfig,
    Schedule,
    TrainConfig,
    distil_on_policy,
    merge,
    train,
)
from understudy.training.callbacks import last_whole_checkpoint

QUICK = TrainConfig(
    method=Method.FULL, epochs=None, max_steps=6, learning_rate=1e-3, log_every_steps=1, n_threads=1, batch_size=4
)
LORA = {"method": Method.LORA, "lora": LoraSettings(r=4, alpha=8)}
BAD = [float("nan"), float("inf"), float("-inf")]


def test_the_step_the_examples_and_the_rate_are_named(base: str, examples_path: Path, tmp_path: Path) -> None:
    """All weights are about 1e30 after the first step, so the second has no loss."""
    config = QUICK.model_copy(update={"learning_rate": 1e30, "schedule": Schedule.CONSTANT})
    with pytest.raises(NotFiniteError, match=r"step 2 of 6: the loss is nan.*1e\+30.*t\d+#0, t\d+#0, ") as raised:
        train(examples_path, config, base, tmp_path, quiet=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "checkpoint").exists()
    assert not (tmp_path / "summary.json").exists()
    assert last_whole_checkpoint(tmp_path / "resume") is None, "the checkpoint of step 1 would have been useless"


@pytest.mark.parametrize("steps", [1, 2, 12])
@pytest.mark.parametrize("changes", [{}, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("every", [1, 50])
def test_no_student_comes_of_a_rate_that_destroys_it(
    base: str, examples_path: Path, tmp_path: Path, steps: int, changes: dict[str, object], every: int
) -> None:
    """Also where the last update is the one that destroys it, and whether or not a checkpoint is due."""
    update = {"learning_rate": 1e30, "max_steps": steps, "save_every_steps": every, **changes}
    with pytest.raises(NotFiniteError, match=rf"of {steps}: "):
        train(examples_path, QUICK.model_copy(update=update), base, tmp_path, quiet=True)
    assert not (tmp_path / "checkpoint").exists()


def test_earlier_checkpoints_stay(base: str, examples_path: Path, tmp_path: Path) -> None:
    """The rate rises step by step, until it is too much."""
    update = {"learning_rate": 1e20, "warmup_ratio": 0.99, "max_steps": 30, "save_every_steps": 1}
    with pytest.raises(NotFiniteError, match=r"step \d+ of 30"):
        train(examples_path, QUICK.model_copy(update=update), base, tmp_path, quiet=True)
    kept = last_whole_checkpoint(tmp_path / "resume")
    assert kept is not None
    losses = [line.loss for line in read_jsonl(tmp_path / "log.jsonl", LogLine)]
    assert len(losses) >= kept[1]
    assert all(loss == pytest.approx(loss) for loss in losses)


@pytest.mark.parametrize("number", BAD)
@pytest.mark.parametrize("method", [Method.FULL, Method.LORA])
def test_a_base_with_one_bad_weight_is_refused_before_the_first_step(
    base: str, examples_path: Path, tmp_path: Path, number: float, method: Method
) -> None:
    def spoil(model: torch.nn.Module) -> None:
        model.get_parameter("model.embed_tokens.weight")[-1, -1] = number  # a row that no example reads

    spoilt = changed(base, tmp_path / "base", spoil)
    config = QUICK.model_copy(update={**LORA, "method": method})
    with pytest.raises(NotFiniteError, match=r"base: expected finite weights, but 1 of .* model\.embed_tokens\.weight"):
        train(examples_path, config, spoilt, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "log.jsonl").exists()


def test_finite_weights_whose_loss_is_not(base: str, examples_path: Path, tmp_path: Path) -> None:
    def spoil(model: torch.nn.Module) -> None:
        model.get_parameter("model.layers.0.self_attn.q_proj.weight").fill_(3e38)

    with pytest.raises(NotFiniteError, match="step 1 of 6: the loss is"):
        train(examples_path, QUICK, changed(base, tmp_path / "base", spoil), tmp_path / "out", quiet=True)


def test_gradients_that_are_not_finite_change_no_weight(base: str, examples_path: Path, tmp_path: Path) -> None:
    """The loss is a number; the norm of the head's gradient is beyond float32, and clipping would make it all zeros."""

    def spoil(model: torch.nn.Module) -> None:
        model.config.tie_word_embeddings = False
        head = model.get_input_embeddings().weight.detach().clone() * 1e-25
        model.set_output_embeddings(torch.nn.Linear(*head.shape[::-1], bias=False))
        model.get_output_embeddings().weight.copy_(head)
        model.get_parameter("model.norm.weight").fill_(1e25)

    with pytest.raises(NotFiniteError, match="step 1 of 6: the norm of the gradients is"):
        train(examples_path, QUICK, changed(base, tmp_path / "base", spoil), tmp_path / "out", quiet=True)


@pytest.mark.parametrize("weight", [*BAD, -1.0])
def test_a_token_weight_that_is_no_weight_is_refused_with_its_line(tmp_path: Path, base: str, weight: float) -> None:
    one = example(1, 1)
    span = one.spans[0].model_copy(update={"weight": weight})
    write_jsonl(tmp_path / "examples.jsonl", [example(0, 1), one.model_copy(update={"spans": (span,)})])
    with pytest.raises(BadRecordError, match=r"examples\.jsonl, line 2: spans\.0\.weight"):
        train(tmp_path / "examples.jsonl", QUICK, base, tmp_path / "out", quiet=True)


def test_an_on_policy_distillation_ends_too(base: str, examples_path: Path, tmp_path: Path) -> None:
    config = OnPolicyConfig(n_steps=4, batch_size=2, max_new_tokens=4, learning_rate=1e30, save_every_steps=50)
    with pytest.raises(NotFiniteError, match=r"step \d of 4: the .* is .*Examples of the batch: t"):
        distil_on_policy(examples_path, config, base, base, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "checkpoint").exists()

    def spoil(model: torch.nn.Module) -> None:
        model.get_parameter("model.embed_tokens.weight")[-1, -1] = float("nan")

    spoilt = changed(base, tmp_path / "spoilt", spoil)
    calm = config.model_copy(update={"learning_rate": 1e-4})
    for number, (student, teacher) in enumerate([(spoilt, base), (base, spoilt)]):
        with pytest.raises(NotFiniteError, match="expected finite weights"):
            distil_on_policy(examples_path, calm, student, teacher, tmp_path / str(number), quiet=True)


def test_merged_weights_that_the_bases_format_cannot_hold_are_refused(
    base: str, examples_path: Path, tmp_path: Path
) -> None:
    half = str(tmp_path / "half")
    shutil.copytree(base, half)
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.float16).save_pretrained(half)
    train(examples_path, QUICK.model_copy(update=LORA), half, tmp_path / "out", quiet=True)
    checkpoint = tmp_path / "out" / "checkpoint"
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "adapter_model.safetensors")
    large = {name: one.abs() * 0 + 1000 for name, one in weights.items()}
    save_file(large, checkpoint / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(NotFiniteError, match="merged into"):
        merge(checkpoint, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
