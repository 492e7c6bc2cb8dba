"""Shapes of models, generated agent trajectories, and the FLOPs of training on them.

In: the name of a shape, numbers drawn from a seed. Out: a checkpoint with random weights, examples of given lengths,
FLOPs. Not here: measurements.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.records import Example, Message, Role, TrainSpan

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

BATCH_SIZE = 8
LORA_R = 64
SHAPES = {
    #               hidden, intermediate, layers, heads, key-value heads, vocabulary
    "tiny": (64, 176, 2, 4, 2, 1_000),
    "small": (256, 704, 4, 4, 2, 16_000),
    "smollm2-135m": (576, 1536, 30, 9, 3, 49_152),
    "qwen2.5-0.5b": (896, 4864, 24, 14, 2, 151_936),
    "qwen2.5-1.5b": (1536, 8960, 28, 12, 2, 151_936),
}


def needed_flops(config: PreTrainedConfig, lengths: Sequence[int], n_trained: int, lora_r: int | None = None) -> int:
    """FLOPs of the matrix products of one pass of training over sequences of a decoder with gated MLPs.

    ``lengths``: tokens of each sequence; ``n_trained``: targets of all of them, the only places that need logits. A
    product of (m, k) and (k, n) takes 2 m k n. Attention is causal: a token meets itself and those before it. The
    backward pass takes twice the forward; with an adapter of rank ``lora_r`` frozen weights need no gradient of their
    own, so for them it takes as much as the forward. Computing activations again, softmax, norms and the optimiser do
    not count.
    """
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    queries, keys = config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim
    hidden, inner, n_layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    in_layer = hidden * (2 * queries + 2 * keys + 3 * inner)
    in_adapter = (lora_r or 0) * (2 * (hidden + queries) + 2 * (hidden + keys) + 3 * (hidden + inner))
    per_pair = 2 * queries  # a query with a key, and a weight with a value
    pairs = sum(length * (length + 1) // 2 for length in lengths)
    fixed = n_layers * sum(lengths) * in_layer + n_trained * hidden * config.vocab_size
    learnt = n_layers * (sum(lengths) * in_adapter + pairs * per_pair)
    flops: int = 2 * (fixed * (3 if lora_r is None else 2) + 3 * learnt)
    return flops


def save_base(shape: str, folder: Path, dtype: torch.dtype, device: str = "cpu") -> None:
    """Random weights of a shape, and a small tokenizer, as a checkpoint."""
    import torch
    from tests.tiny_model import tiny_tokenizer
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = tiny_tokenizer()
    hidden, intermediate, n_layers, n_heads, n_key_value_heads, vocabulary = SHAPES[shape]
    config = Qwen2Config(
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        num_key_value_heads=n_key_value_heads,
        vocab_size=vocabulary,
        tie_word_embeddings=True,
        max_position_embeddings=32_768,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    with torch.device(device):
        model = Qwen2ForCausalLM(config).to(dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def made_up_example(numbers: random.Random, name: int, median: int, longest: int) -> Example:
    """A digit is a token, so a text of so many digits has so many tokens."""
    n_tokens = int(min(longest, max(median / 8, median * numbers.lognormvariate(0, 0.6))))
    n_steps = numbers.randint(1, 5)
    said, seen = n_tokens // (3 * n_steps), 2 * n_tokens // (3 * (n_steps + 1))
    messages = [Message(role=Role.USER, content=_digits(numbers, seen))]
    for _ in range(n_steps):
        messages.append(Message(role=Role.ASSISTANT, content=_digits(numbers, said)))
        messages.append(Message(role=Role.USER, content=_digits(numbers, seen)))
    spans = tuple(TrainSpan(message_index=2 * step + 1, start=0, end=max(said, 1)) for step in range(n_steps))
    return Example(id=str(name), task_id=str(name), trajectory_id=str(name), messages=tuple(messages[:-1]), spans=spans)


def _digits(numbers: random.Random, n: int) -> str:
    return "".join(numbers.choice("0123456789") for _ in range(max(n, 1)))
