"""A small Llama as a GGUF file, written as llama.cpp's converter writes it, and the same weights in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.tiny_model import tiny_tokenizer

N_HEADS, N_KEY_VALUE_HEADS, HIDDEN, INNER, N_LAYERS = 4, 2, 64, 96, 2


def tiny_llama(*, seed: int = 0) -> Any:
    """About 0.1 M random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=N_HEADS,
            num_key_value_heads=N_KEY_VALUE_HEADS,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
            initializer_range=0.2,
            rms_norm_eps=1e-5,
        )
        return LlamaForCausalLM(config).eval()


def write_tiny_gguf(path: Path, *, architecture: str = "llama", quantised: bool = False, seed: int = 0) -> Path:
    """Write the weights of ``tiny_llama``; ``quantised``: matrices in Q8_0."""
    from gguf import GGMLQuantizationType, GGUFWriter, quantize

    writer = GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_context_length(2048)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(N_LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(N_HEADS)
    writer.add_head_count_kv(N_KEY_VALUE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(HIDDEN // N_HEADS)
    _add_tokenizer(writer)
    for name, values in _tensors(tiny_llama(seed=seed)).items():
        if quantised and values.ndim == 2:
            kind = GGMLQuantizationType.Q8_0
            writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: Any) -> None:
    import json

    tokenizer = tiny_tokenizer()
    inside = json.loads(tokenizer.backend_tokenizer.to_str())
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    special = set(tokenizer.all_special_tokens)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in inside["model"]["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)


def _tensors(model: Any) -> dict[str, np.ndarray]:
    """By their names in GGUF; queries and keys in the order of llama.cpp's rotary embedding."""
    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    found = {
        "token_embd.weight": weights["model.embed_tokens.weight"],
        "output_norm.weight": weights["model.norm.weight"],
    }
    names = {
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    heads = {"attn_q": N_HEADS, "attn_k": N_KEY_VALUE_HEADS}
    for layer in range(N_LAYERS):
        for ours, theirs in names.items():
            value = weights[f"model.layers.{layer}.{theirs}.weight"]
            if ours in heads:
                rows = (heads[ours], 2, len(value) // heads[ours] // 2)
                value = value.reshape(*rows, HIDDEN).swapaxes(1, 2).reshape(value.shape)
            found[f"blk.{layer}.{ours}.weight"] = np.ascontiguousarray(value)
    return found
