"""One small tokenizer for each chat family we name, with the family's real format."""

from __future__ import annotations

import functools
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tiny_model import CHATML_TOKENS, tiny_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_OWN = Path(__file__).parent / "chat_templates"
_LLAMA_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
_PHI_MINI_TOKENS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
_GEMMA_TOKENS = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")

FAMILIES = (
    "qwen2_5",
    "qwen3",
    "llama3",
    "llama3_2",
    "phi3",
    "phi4",
    "phi4_mini",
    "smollm2",
    "gemma",
    "gemma3",
)
CALLING = {
    "qwen2_5": "hermes",
    "qwen3": "hermes",
    "qwen3_5_think": "qwen_xml",
    "qwen3_5_nothink": "qwen_xml",
    "llama3_1": "llama_json",
    "llama3_2": "llama_json",
    "phi4_mini": "phi4_mini",
    "smollm2": "plain",
    "llama3": "plain",
    "gemma": "plain",
}
"""Families with the call form of each."""
END_OF_TURN = {
    "qwen2_5": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "qwen3_5_think": "<|im_end|>",
    "qwen3_5_nothink": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "llama3_1": "<|eot_id|>",
    "llama3_2": "<|eot_id|>",
    "phi3": "<|end|>",
    "phi4": "<|im_end|>",
    "phi4_mini": "<|end|>",
    "smollm2": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "gemma3": "<end_of_turn>",
}


def template(family: str) -> str:
    """The family's chat template; skips the test where ``trl``, which carries it, is not installed."""
    own = _OWN / f"{family}.jinja"
    if own.exists():
        return own.read_text()
    spec = find_spec("trl")
    if spec is None or spec.origin is None:
        pytest.skip(f"the template of {family} comes with trl, which is not installed")
    return (Path(spec.origin).parent / "chat_templates" / f"{family}.jinja").read_text()


@functools.cache
def family_tokenizer(family: str) -> PreTrainedTokenizerFast:
    text = template(family)
    if family.startswith("qwen") or family == "smollm2":
        return tiny_tokenizer(CHATML_TOKENS, text)
    if family == "phi4":
        return tiny_tokenizer((*CHATML_TOKENS, "<|im_sep|>"), text)
    if family in ("phi3", "phi4_mini"):
        return tiny_tokenizer(_PHI_MINI_TOKENS, text, eos_token="<|endoftext|>")
    if family.startswith("llama3"):
        return tiny_tokenizer(
            _LLAMA_TOKENS, text, eos_token="<|eot_id|>", pad_token="<|end_of_text|>", bos_token="<|begin_of_text|>"
        )
    return _gemma_tokenizer(text)


def _gemma_tokenizer(text: str) -> PreTrainedTokenizerFast:
    """Gemma's kind: BPE over characters, spaces written as ``▁``, unknown characters as bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    learnt = Tokenizer(models.BPE())
    learnt.normalizer = normalizers.Replace(" ", "▁")
    corpus = ["user", "model", "Thought: I should look up who wrote it.", "final_answer(result)", "<end_code>"]
    alphabet = [chr(c) for c in range(33, 127)] + ["\n", "\t", "▁"]
    learnt.train_from_iterator(
        corpus, trainers.BpeTrainer(vocab_size=250, initial_alphabet=alphabet, show_progress=False)
    )
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    learnt_vocab = sorted(learnt.get_vocab(), key=learnt.get_vocab().__getitem__)
    merges = [tuple(pair) for pair in json.loads(learnt.to_str())["model"]["merges"]]
    vocab = {token: i for i, token in enumerate([*_GEMMA_TOKENS, *bytes_, *learnt_vocab])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<eos>",
        pad_token="<pad>",
        bos_token="<bos>",
        chat_template=text,
        additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
    )
