"""One token of many rows by the package's own step: the same tokens as by transformers' forward."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
)

from tests.tiny_model import save_tiny_model, tiny_tokenizer
from understudy.models import DType, LocalConfig
from understudy.models.decoding import Decoder
from understudy.models.llama_step import LlamaStep, fits
from understudy.models.loading import load_checkpoint
from understudy.models.local import LocalModel
from understudy.models.sampling import Row

SIZES: dict[str, Any] = {
    "vocab_size": 400,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}
BUILT_AS_LLAMA = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama with biases": LlamaConfig(**SIZES, attention_bias=True),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=12),
}


def made(config: Any, dtype: torch.dtype = torch.float64) -> PreTrainedModel:
    """Random weights, whose biases and norms are no neutral elements either."""
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).to(dtype).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    return model.requires_grad_(requires_grad=False)


def some_rows(chance: random.Random) -> list[Row]:
    """One row, or several of a vote."""
    prompt = [chance.randrange(400) for _ in range(chance.randint(1, 40))]
    return [
        Row(
            prompt,
            max_tokens=chance.randint(1, 12),
            temperature=0.9,
            top_p=0.9,
            stop=(),
            stream=np.random.Generator(np.random.Philox(key=chance.randrange(999))),
            wants_logprobs=True,
        )
        for _ in range(chance.choice([1, 1, 3]))
    ]


def decoded(decoder: Decoder, seed: int) -> Iterator[tuple[list[int], list[float]]]:
    """Rows that join and leave at any time."""
    chance, rows = random.Random(seed), []
    for event in range(30):
        if event < 20 and chance.random() < 0.5:
            groups = [some_rows(chance) for _ in range(chance.randint(1, 3))]
            decoder.admit(groups)
            rows += [row for group in groups for row in group]
        elif decoder.rows:
            decoder.step()
    while decoder.rows:
        decoder.step()
    for row in rows:
        yield row.ids, row.logprobs


@pytest.mark.parametrize("name", BUILT_AS_LLAMA)
def test_tokens_are_those_of_transformers(name: str) -> None:
    plain, model = made(BUILT_AS_LLAMA[name]), made(BUILT_AS_LLAMA[name])
    assert fits(model)
    step = LlamaStep(model)
    for seed in range(2):
        expected = list(decoded(Decoder(plain, tiny_tokenizer(), frozenset(), 1_000_000), seed))
        found = list(decoded(Decoder(model, tiny_tokenizer(), frozenset(), 1_000_000, step), seed))
        assert [ids for ids, _ in found] == [ids for ids, _ in expected]
        for (_, one), (_, other) in zip(found, expected, strict=True):
            assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("name", BUILT_AS_LLAMA)
def test_in_float32_logits_are_equal_up_to_rounding(name: str) -> None:
    plain, model = made(BUILT_AS_LLAMA[name], torch.float32), made(BUILT_AS_LLAMA[name], torch.float32)
    decoders = [Decoder(plain, tiny_tokenizer(), frozenset()), Decoder(model, tiny_tokenizer(), frozenset())]
    decoders[1] = Decoder(model, tiny_tokenizer(), frozenset(), step=LlamaStep(model))
    for decoder in decoders:
        decoder.admit([some_rows(random.Random(number)) for number in range(6)])
        decoder.step()
    logits = [decoder._logits for decoder in decoders]
    assert torch.allclose(*logits, rtol=1e-4, atol=1e-4 * float(logits[0].abs().max()))


def test_no_weights_are_kept_twice_and_prompts_are_read_as_before() -> None:
    plain, model = made(BUILT_AS_LLAMA["llama"]), made(BUILT_AS_LLAMA["llama"])
    LlamaStep(model)

    def n_bytes(one: PreTrainedModel) -> int:
        storages = {weights.untyped_storage().data_ptr(): weights.untyped_storage() for weights in one.parameters()}
        return sum(storage.nbytes() for storage in storages.values())

    assert n_bytes(model) == n_bytes(plain)
    ids = torch.arange(30)[None]
    assert torch.allclose(model(ids).logits, plain(ids).logits, atol=1e-12)
    for name, weights in plain.named_parameters():
        assert torch.equal(model.get_parameter(name), weights)


def test_candidates_of_a_vote_store_their_prompt_once() -> None:
    model = made(BUILT_AS_LLAMA["llama"])
    decoder = Decoder(model, tiny_tokenizer(), frozenset(), step=LlamaStep(model))
    prompt = list(range(30))
    rows = [Row(prompt, 9, 0.9, 1.0, (), np.random.default_rng(number)) for number in range(8)]
    decoder.admit([rows])
    for _ in range(3):
        decoder.step()
    states = decoder._states
    assert states.prompts is not None
    assert states.prompts.states[0][0].shape == (1, 2, 30, 8)
    assert states.cache.layers[0].keys.shape == (8, 2, 3, 8)
    while decoder.rows:
        decoder.step()
    assert states.prompts is None


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(**SIZES, sliding_window=8),
        Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8, max_window_layers=1),
        Qwen3Config(**SIZES, head_dim=12, use_sliding_window=True, sliding_window=8, max_window_layers=2),
    ],
)
def test_sliding_windows_are_left_to_transformers(config: Any) -> None:
    assert not fits(made(config))


def test_other_models_and_weights_that_are_trained_are_left_as_they_are(tmp_path: Path) -> None:
    assert not fits(made(GPT2Config(vocab_size=400, n_embd=48, n_layer=2, n_head=2)))
    folder = save_tiny_model(tmp_path / "model")
    config = LocalConfig(path=str(folder), dtype=DType.FLOAT64)
    checkpoint = load_checkpoint(config)
    with LocalModel(config, checkpoint, is_trained=True) as model:
        assert model._decoder._own_step is None
    assert all(weights.is_contiguous() for weights in checkpoint.model.parameters())
    with LocalModel(config) as model:
        assert model._decoder._own_step is not None


def test_a_model_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="built as Llama, got GPT2LMHeadModel"):
        LlamaStep(made(GPT2Config(vocab_size=400, n_embd=48, n_layer=2, n_head=2)))
