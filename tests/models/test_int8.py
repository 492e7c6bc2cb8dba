"""Weights of eight bits: rows stay independent, the loss is small, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tests.tiny_model import save_tiny_model
from understudy.models import LocalConfig, Quantization, Request
from understudy.models.engines.engine import EngineError, serving_engine
from understudy.models.int8 import Int8Linear, quantize
from understudy.models.loading import load_checkpoint
from understudy.models.local import LocalModel
from understudy.models.scoring import Scorer
from understudy.records import Message, Role


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("int8") / "model")


def int8(folder: Path) -> LocalConfig:
    return LocalConfig(path=str(folder), quantization=Quantization.INT8, device="cpu", prefix_cache_gb=0)


@pytest.mark.parametrize("bias", [False, True])
def test_products_are_near_and_rows_independent(bias: bool) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(64, 48, bias=bias).requires_grad_(requires_grad=False)
    rounded = Int8Linear(linear)
    inputs = torch.randn(5, 3, 64) * torch.tensor([0.01, 1.0, 100.0])[:, None]
    found, expected = rounded(inputs), linear(inputs)
    error = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert 0 < float(error.max()) < 0.03
    for row in range(5):
        assert torch.equal(rounded(inputs[row : row + 1]), found[row : row + 1])
    assert torch.equal(rounded(torch.zeros(1, 64))[0], torch.zeros(48) if linear.bias is None else linear.bias)


def test_log_probabilities_are_near_those_of_the_weights(folder: Path) -> None:
    ids = [number * 7 % 390 for number in range(200)]
    with Scorer(LocalConfig(path=str(folder), device="cpu")) as plain, Scorer(int8(folder)) as rounded:
        exact, found = (torch.tensor(scorer.score(ids, 10).logprobs) for scorer in (plain, rounded))
    assert 0 < float((exact - found).abs().mean()) < 0.2  # random weights; docs/models.md says what a student loses


def test_a_reply_is_what_the_rounded_model_finds_likeliest(folder: Path) -> None:
    request = Request((Message(role=Role.USER, content="What is six times seven?"),), n=3, max_tokens=20)
    with LocalModel(int8(folder)) as model, Scorer(int8(folder)) as scorer:
        assert model._decoder._own_step is not None
        prompt = model.renderer.prompt_ids(request.messages)
        replies = {completion.token_ids for completion in model.complete(request)}
        assert len(replies) == 1
        (ids,) = replies
        assert scorer.score([*prompt, *ids], len(prompt)).greedy_ids == ids


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"dtype": "float64"}, "needs dtype: float32 or auto, got float64"),
        ({"device": "cuda"}, "for a CPU, got device: cuda"),
        ({"engine": {"kind": "vllm"}}, "for engine: transformers, got vllm"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        LocalConfig.model_validate({"path": "any", "quantization": "int8", **keys})


def test_a_server_refuses_it(folder: Path) -> None:
    engine = serving_engine(LocalConfig.model_validate({"path": str(folder), "engine": {"kind": "vllm"}}))
    assert engine is not None
    with pytest.raises(EngineError, match="quantization: int8 is for engine: transformers"):
        engine.weights(int8(folder))


def test_other_number_formats_are_refused_in_memory(folder: Path) -> None:
    model = load_checkpoint(LocalConfig(path=str(folder), dtype="float64", device="cpu")).model
    with pytest.raises(ValueError, match=r"computes on a CPU in float32, got torch\.float64 on cpu"):
        quantize(model)


def test_it_is_part_of_the_settings_only_where_it_is_set(folder: Path) -> None:
    assert "quantization" not in LocalConfig(path="any").model_dump(mode="json")
    assert int8(folder).model_dump(mode="json")["quantization"] == "int8"
