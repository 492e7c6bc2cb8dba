"""The base that is trained, and its adapter.

In: a folder or Hub id, the config. Out: a model in the right numbers, its tokenizer, PEFT's settings.
Not here: training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from understudy.models.loading import bars_of_downloads_only
from understudy.train.config import Dtype, LoraSettings, Method, TrainConfig


def load_base(base: str, config: TrainConfig) -> tuple[Any, Any]:
    """Return (model, tokenizer). Raises ``ValueError`` where QLoRA is asked for without a GPU."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if config.method is Method.QLORA and not torch.cuda.is_available():
        raise ValueError("method 'qlora' holds the base in four bits, which needs a CUDA GPU; none is here: use 'lora'")
    with bars_of_downloads_only(base):
        model = AutoModelForCausalLM.from_pretrained(
            base,
            # A fully trained model keeps its master weights in float32: updates are too small for bfloat16.
            dtype=torch.bfloat16
            if computes_in_bfloat16(config) and config.method is not Method.FULL
            else torch.float32,
            attn_implementation=config.attention.value,
            quantization_config=_four_bits() if config.method is Method.QLORA else None,
        )
    model.config.use_cache = False  # with the cache, packed sequences would see one another
    return model, AutoTokenizer.from_pretrained(base)


def computes_in_bfloat16(config: TrainConfig) -> bool:
    """Whether the forward pass runs in bfloat16."""
    import torch

    if config.dtype is Dtype.AUTO:
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return config.dtype is Dtype.BFLOAT16


def adapter_settings(config: TrainConfig) -> Any:
    """PEFT's settings, or None where all weights are trained."""
    return None if config.method is Method.FULL else lora_settings(config.lora)


def lora_settings(lora: LoraSettings) -> Any:
    """Our adapter in PEFT's words."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",  # all but the output head
        bias="none",
        task_type="CAUSAL_LM",
    )


@contextmanager
def torch_threads(n_threads: int | None) -> Iterator[None]:
    """Within, torch computes with so many threads; None leaves its choice."""
    import torch

    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _four_bits() -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
