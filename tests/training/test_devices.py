"""What GPUs are for, as far as one process on a CPU can run it: numbers, four bits, flash attention's rows, FLOPs."""

from __future__ import annotations

import importlib.util
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.shapes import needed_flops

from tests.training.conversations import example
from understudy.extras import MissingExtraError
from understudy.models import LocalConfig
from understudy.models.parity import check_student
from understudy.records import Message, Role
from understudy.runs import read_jsonl, write_jsonl
from understudy.training import (
    EvalCallbackConfig,
    LogLine,
    LoraSettings,
    Method,
    TrainConfig,
    TrainSequence,
    merge,
    train,
)
from understudy.training.layout import RowPass, passes_of

if TYPE_CHECKING:
    import torch


LORA = LoraSettings(r=4, alpha=8, dropout=0)
CONFIG = TrainConfig(
    epochs=None, max_steps=5, learning_rate=3e-3, log_every_steps=1, n_threads=1, batch_size=3, lora=LORA
)
has_bitsandbytes = importlib.util.find_spec("bitsandbytes") is not None
needs_bitsandbytes = pytest.mark.skipif(not has_bitsandbytes, reason="bitsandbytes is not installed")


def losses(out_dir: Path) -> list[float]:
    return [line.loss for line in read_jsonl(out_dir / "log.jsonl", LogLine)]


def test_the_recipe_and_not_the_launcher_says_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from understudy.training.arguments import trl_arguments

    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    for dtype, mixed in (("float32", "no"), ("bfloat16", "bf16")):
        config = TrainConfig.model_validate({"dtype": dtype})
        assert trl_arguments(config, tmp_path, 3).mixed_precision == mixed
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "bf16"


def test_activations_computed_again_train_the_same_adapter(base: str, examples_path: Path, tmp_path: Path) -> None:
    again = CONFIG.model_copy(update={"gradient_checkpointing": True})
    for name, config in (("one", CONFIG), ("again", again)):
        train(examples_path, config, base, tmp_path / name, quiet=True)
    assert losses(tmp_path / "again") == pytest.approx(losses(tmp_path / "one"), abs=1e-6)


@needs_bitsandbytes
def test_an_adapter_of_a_base_in_four_bits_learns_as_one_of_the_base_in_full_precision(
    base: str, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    write_jsonl(tmp_path / "examples.jsonl", [example(3, 1)])
    shared = {"max_steps": 12, "learning_rate": 2e-2}
    probe = EvalCallbackConfig(every_steps=5, n_prompts=1, max_new_tokens=4)  # a probe in between changes nothing
    for name, changes in (("lora", {}), ("qlora", {}), ("probed", {"eval_callback": probe})):
        method = Method.LORA if name == "lora" else Method.QLORA
        config = CONFIG.model_copy(update={"method": method, **shared, **changes})
        train(tmp_path / "examples.jsonl", config, base, tmp_path / name, quiet=True)
    whole, quartered = losses(tmp_path / "lora"), losses(tmp_path / "qlora")
    assert quartered[-1] < quartered[0] - 0.3
    assert quartered == pytest.approx(whole, abs=0.05)
    assert quartered != pytest.approx(whole, abs=1e-4)  # otherwise the base was not in four bits
    assert losses(tmp_path / "probed") == pytest.approx(quartered, abs=1e-6)
    checkpoint = tmp_path / "qlora" / "checkpoint"
    saved = load_file(checkpoint / "adapter_model.safetensors").values()
    assert {tensor.dtype for tensor in saved} == {torch.float32}
    merge(checkpoint, tmp_path / "merged")
    prompt = (Message(role=Role.USER, content="What is six times seven?"),)
    report = check_student(
        LocalConfig(path=base), [prompt], adapter=str(checkpoint), merged=str(tmp_path / "merged"), max_tokens=8
    )
    assert [system.system for system in report.systems] == ["base", "merged"]


def test_four_bits_without_what_they_need_are_refused(
    base: str, examples_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)  # as where it is not installed
    config = CONFIG.model_copy(update={"method": Method.QLORA})
    with pytest.raises(MissingExtraError, match="needs bitsandbytes"):
        train(examples_path, config, base, tmp_path / "out", quiet=True)


def three_in_a_row() -> tuple[list[TrainSequence], RowPass]:
    sequences = [
        TrainSequence(tuple(range(first, first + n)), (0.0, *(n - 1) * (1.0,)))
        for first, n in ((9, 7), (60, 3), (30, 5))
    ]
    (one,) = passes_of(sequences, packing=True, tokens_per_pass=None, pad_id=0, one_row=True)
    assert one.input_ids.shape == (1, 15)
    return sequences, one


def test_no_sequence_of_a_row_sees_another(base: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="sdpa")
    sequences, one = three_in_a_row()
    starts = [place for place, position in enumerate(one.position_ids[0].tolist()) if position == 0]
    assert starts == [0, 7, 12]

    def row(positions: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return model(input_ids=one.input_ids, position_ids=positions, use_cache=False).logits[0]

    with torch.no_grad():
        alone = torch.cat(
            [model(torch.tensor([ids])).logits[0] for ids in (s.ids for s in sorted(sequences, key=len)[::-1])]
        )
    assert torch.allclose(row(one.position_ids), alone, atol=1e-5)
    assert not torch.allclose(row(torch.arange(15)[None]), alone, atol=1e-2)  # what it would be if they did


def test_rows_that_would_leak_and_flash_attention_in_float32_are_refused(base: str, tmp_path: Path) -> None:
    from transformers import Qwen3NextConfig

    from understudy.training.loading import load_trainable

    Qwen3NextConfig(num_hidden_layers=4).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"linear_attention.* packing: false"):
        load_trainable(str(tmp_path), CONFIG, packing=True)
    with pytest.raises(ValueError, match="computes in bfloat16"):
        load_trainable(
            base, TrainConfig.model_validate({"dtype": "float32", "attention": "flash_attention_2"}), packing=True
        )


def test_flash_attention_gets_the_bounds_of_sequences(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its way through transformers, down to the kernel: here a plain one, as no CPU has another."""
    import torch
    from transformers import AutoModelForCausalLM, modeling_flash_attention_utils

    from understudy.training.losses import loss_by_logits

    bounds: list[list[int]] = []

    def kernel(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **settings: object) -> torch.Tensor:
        """(T, H, D) queries, and as many of fewer heads for keys and values; causal within each sequence."""
        ends = settings["cu_seqlens_q"].tolist()
        assert settings["causal"]
        assert ends == settings["cu_seqlens_k"].tolist()
        bounds.append(ends)
        parts = []
        for start, end in pairwise(ends):
            part = (states[start:end].transpose(0, 1) for states in (q, k, v))
            attended = torch.nn.functional.scaled_dot_product_attention(*part, is_causal=True, enable_gqa=True)
            parts.append(attended.transpose(0, 1))
        return torch.cat(parts)

    def settings_of_call(**asked: object) -> dict[str, object]:
        return {"causal": asked["is_causal"], "max_seqlen_q": asked["max_seqlen_q"]}

    loaded = ((None, kernel, None, None, None), (settings_of_call, None))
    monkeypatch.setattr(modeling_flash_attention_utils, "lazy_import_flash_attention", lambda *_: loaded)
    _, one = three_in_a_row()
    found = []
    for attention in ("sdpa", "flash_attention_2"):
        model = AutoModelForCausalLM.from_pretrained(base)
        model.config._attn_implementation = attention  # past the question whether the kernel is installed
        loss = loss_by_logits(model.train(), one)
        loss.backward()
        found.append([loss.detach(), *(parameter.grad for parameter in model.parameters())])
    assert bounds == [[0, 7, 12, 15]] * 2  # each layer
    assert all(torch.allclose(plain, flash, atol=1e-5) for plain, flash in zip(*found, strict=True))


def test_the_needed_flops_are_those_that_torch_counts(base: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModelForCausalLM

    from understudy.training.losses import loss_by_logits

    model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager")
    sequence = TrainSequence(tuple(range(5, 45)), 20 * (0.0,) + 20 * (1.0,))
    (one,) = passes_of([sequence], packing=True, tokens_per_pass=None, pad_id=0)
    with FlopCounterMode(display=False) as counter:
        loss_by_logits(model, one).backward()
    # The plain attention also computes what it then masks: 40 x 40 pairs of positions and not 40 x 41 / 2.
    config = model.config
    in_vain = 3 * 2 * config.num_hidden_layers * (40 * 40 - 40 * 41 // 2) * 2 * config.hidden_size
    assert counter.get_total_flops() == needed_flops(config, [40], 20) + in_vain
