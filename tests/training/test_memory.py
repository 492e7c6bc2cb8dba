"""What bounds the memory of a training changes nothing that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.test_training import QUICK, losses
from understudy.models.loading import without_peft_warning
from understudy.training import Method, TrainConfig, TrainSequence, train
from understudy.training.layout import passes_of

torch = pytest.importorskip("torch")

ADAPTED = QUICK.model_copy(update={"method": Method.LORA, "max_steps": 3})


def opened(base: str, config: TrainConfig, folder: Path) -> Any:
    from understudy.models.loading import load_tokenizer
    from understudy.training.fitting import Fitting, open_trainer

    return open_trainer(Fitting(base, config, folder, "test", packing=True), load_tokenizer(base), 3)


def test_activations_are_bounded_by_more_passes_and_by_computing_again(
    base: str, examples_path: Path, tmp_path: Path
) -> None:
    from understudy.training.memory import activation_bytes, plan_passes

    no_dropout = {"lora": ADAPTED.lora.model_copy(update={"dropout": 0.0})}
    whole, small = (
        ADAPTED.model_copy(update={**no_dropout, "activations_gb": limit}) for limit in (None, 1e-4)
    )  # 100 kB: less than one sequence
    for name, config in (("whole", whole), ("small", small)):
        train(examples_path, config, base, tmp_path / name, quiet=True)
    assert losses(tmp_path / "small") == pytest.approx(losses(tmp_path / "whole"), abs=1e-5)

    trainer = opened(base, small, tmp_path / "planned")
    plan = plan_passes(trainer, small)
    per_token = activation_bytes(trainer) / 64
    assert plan.checkpoint_above == plan.tokens_per_pass == int(1e5 / per_token)
    assert activation_bytes(trainer, 256) / 256 == pytest.approx(per_token, rel=0.1)
    assert plan_passes(trainer, whole).checkpoint_above > 1000 * plan.checkpoint_above


def test_on_a_gpu_short_passes_are_made_longer_and_compute_again(base: str, tmp_path: Path) -> None:
    from understudy.training.memory import GPU_PASS_TOKENS, _together_on_gpu, activation_bytes

    trainer = opened(base, ADAPTED, tmp_path)
    per_token = activation_bytes(trainer) / 64
    enough = GPU_PASS_TOKENS * per_token
    assert _together_on_gpu(enough * 1.01, per_token, trainer.model) == int(1.01 * GPU_PASS_TOKENS)
    deep = trainer.model
    deep.config.num_hidden_layers = 24
    assert GPU_PASS_TOKENS < _together_on_gpu(enough * 0.9, per_token, deep) < 12 * GPU_PASS_TOKENS


def test_layers_compute_again_in_long_passes_only(base: str, tmp_path: Path) -> None:
    from understudy.training.losses import NextToken
    from understudy.training.trainer import Steps

    trainer = opened(base, ADAPTED, tmp_path)
    short, long = ([TrainSequence(tuple(range(5, 5 + n)), (1.0,) * n)] for n in (20, 60))
    passes = [passes_of(one, packing=True, tokens_per_pass=None, pad_id=0)[0] for one in (short, long, short)]
    trainer.checkpoint_above = 40
    counts = []
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    norm = next(module for name, module in trainer.model.named_modules() if name.endswith("input_layernorm"))
    norm.register_forward_hook(count)
    for one in passes:
        calls = 0
        trainer.attach(Steps(lambda _step, one=one: [one], [["a"]]), NextToken())
        trainer.training_step(trainer.model, 0)
        counts.append(calls)
    assert counts == [1, 2, 1]


@pytest.mark.parametrize("bias", [True, False])
def test_a_fused_adapter_computes_what_pefts_does(bias: bool) -> None:
    from peft import LoraConfig, get_peft_model

    from understudy.training.lora_product import fuse_adapters

    torch.manual_seed(0)
    model = get_peft_model(
        torch.nn.Sequential(torch.nn.Linear(12, 7, bias=bias)), LoraConfig(r=3, lora_alpha=8, target_modules=["0"])
    ).double()
    layer = model.base_model.model[0]
    torch.nn.init.normal_(layer.lora_B["default"].weight)
    model.float()
    x = torch.randn(2, 5, 12, requires_grad=True)
    gradients = []
    for n_fused in (0, 1):
        if n_fused:
            assert fuse_adapters(model) == 1
        model.zero_grad()
        x.grad = None
        out = model(x)
        out.square().sum().backward()
        adapter = [p.grad.clone() for p in model.parameters() if p.requires_grad]
        gradients.append([out.detach(), x.grad.clone(), *adapter])
    assert len(gradients[0]) == 4
    assert all(torch.allclose(fused, plain, atol=1e-5) for plain, fused in zip(*gradients, strict=True))
    with model.disable_adapter():
        assert torch.equal(model(x), layer.base_layer(x))


def test_dropout_of_a_fused_adapter_drops_its_share_and_the_gradient_meets_the_same_mask() -> None:
    from understudy.training.lora_product import _keep, _LoraProduct

    torch.manual_seed(0)
    assert float(_keep(torch.empty(300, 1000), 0.05, 1).mean()) == pytest.approx(0.95, abs=2e-3)
    assert not torch.equal(_keep(torch.empty(9, 9), 0.5, 1), _keep(torch.empty(9, 9), 0.5, 2))
    x, weight, down, up = torch.randn(6, 5), torch.randn(4, 5), torch.randn(2, 5), torch.randn(4, 2)
    keep, scale = _keep(x, 0.3, 7), 1.5
    variables = [one.requires_grad_() for one in (x, down, up)]
    results = []
    for out in (
        _LoraProduct.apply(x, weight, None, down, up, scale, 0.3, 7),
        x @ weight.T + (x * keep / 0.7) @ down.T @ up.T * scale,
    ):
        results.append([out, *torch.autograd.grad(out.square().sum(), variables)])
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(*results, strict=True))


def test_a_head_in_parts_gives_the_same_loss_and_gradients(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    from understudy.training import LoraSettings, losses
    from understudy.training.loading import lora_settings

    torch.manual_seed(0)
    with without_peft_warning():
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base), lora_settings(LoraSettings(r=4, dropout=0.0))
        )
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.05)
    weights = [(0.0, 0.0, 1.0, 2.0), (0.0, 0.5), (0.0, 1.0, 1.0)]
    sequences = [TrainSequence(tuple(range(5, 5 + len(w))), w) for w in weights]
    (one,) = passes_of(sequences, packing=True, tokens_per_pass=None, pad_id=0)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    results = []
    for at_once in (10 * vocabulary, 2 * vocabulary):
        monkeypatch.setattr(losses, "LOGITS_AT_ONCE", at_once)
        model.zero_grad()
        loss = losses.loss_by_logits(model, one)
        loss.backward()
        rows = losses.row_logprobs(model, one)
        trained = [p.grad.clone() for p in model.parameters() if p.requires_grad]
        results.append([loss.detach(), rows.detach(), *trained])
    assert all(torch.allclose(whole, parts, atol=1e-4) for whole, parts in zip(*results, strict=True))
