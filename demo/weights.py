"""The first values of the demo's base: an ordinary Qwen2 whose attention starts able to copy.

A model this small does not find copying by itself in minutes, so its start holds an induction circuit (Olsson et al.
2022): two heads of the first layer look one and two tokens back, through constant query and key biases that RoPE turns
into a preference for a distance; two heads of the second layer look for the place where the last two tokens stood
before and pass on what followed there. All of it are initial values of ordinary parameters: training is free to change
every one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Qwen2ForCausalLM

HIDDEN, HEADS, LAYERS, INNER = 128, 4, 3, 256
HEAD = HIDDEN // HEADS
ROPE_THETA = 1e7
"""Large, so that most of a head's dimensions barely turn over a dialogue's length and can match content."""
_TOKEN = slice(0, 64)
"""Residual dimensions that say which token stands here."""
_BACK_1, _BACK_2 = slice(64, 96), slice(96, 128)
"""Residual dimensions that say which token stands one and two before."""
_EMBEDDING_STD = 0.08


def new_model(vocab_size: int, eos_token_id: int, pad_token_id: int, seed: int) -> Qwen2ForCausalLM:
    """A fresh model with the copying start."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        tie_word_embeddings=True,
        eos_token_id=eos_token_id,
        pad_token_id=pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        embedding = model.model.embed_tokens.weight  # (V, HIDDEN)
        embedding.mul_(0.1)
        embedding[:, _TOKEN] = torch.randn(vocab_size, 64) * _EMBEDDING_STD
        for head, back, target in ((0, 1, _BACK_1), (1, 2, _BACK_2)):
            _look_back(model, head, back, target)
        _match(model)
    return model


def _look_back(model: Qwen2ForCausalLM, head: int, back: int, target: slice) -> None:
    """Make a head of layer 0 attend ``back`` tokens back and write the first 32 token dimensions to ``target``."""
    attention = model.model.layers[0].self_attn
    rows = slice(head * HEAD, (head + 1) * HEAD)
    strength, half = 9.0, HEAD // 2
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight[rows] = 0
        projection.bias[rows] = 0
    for pair in range(4):  # only the pairs that turn fast tell neighbouring distances apart
        angle = back * ROPE_THETA ** (-pair / half)
        attention.q_proj.bias[head * HEAD + pair] = strength
        attention.k_proj.bias[head * HEAD + pair] = strength * math.cos(angle)
        attention.k_proj.bias[head * HEAD + pair + half] = strength * math.sin(angle)
    _identity(attention.v_proj.weight[rows, :HEAD], 1.0)
    attention.o_proj.weight[:, rows] = 0
    _identity(attention.o_proj.weight[target, rows], 0.057)


def _match(model: Qwen2ForCausalLM) -> None:
    """Make two heads of layer 1 find where the last two tokens stood before, and copy what followed."""
    import torch

    attention = model.model.layers[1].self_attn
    half = HEAD // 2
    still = [pair for pair in range(half) if pair >= 6] + [pair + half for pair in range(half) if pair >= 6]
    last, before = still[:12], still[12:]
    code = torch.randn(HEAD, HEAD) / math.sqrt(12) * 1.8  # (code, token dimension)
    for head in (0, 1):
        rows = slice(head * HEAD, (head + 1) * HEAD)
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[rows] = 0
            projection.bias[rows] = 0
        at = head * HEAD
        for number, place in enumerate(last):
            attention.q_proj.weight[at + place, 0:32] = code[number]
            attention.k_proj.weight[at + place, _BACK_1] = code[number]
        for number, place in enumerate(before, len(last)):
            attention.q_proj.weight[at + place, _BACK_1] = code[number]
            attention.k_proj.weight[at + place, _BACK_2] = code[number]
        _identity(attention.v_proj.weight[rows, 32 * head : 32 * (head + 1)], 1.0)
        attention.o_proj.weight[:, rows] = 0
        _identity(attention.o_proj.weight[32 * head : 32 * (head + 1), rows], 0.3)


def _identity(block: torch.Tensor, scale: float) -> None:
    import torch

    block.copy_(torch.eye(HEAD) * scale)
