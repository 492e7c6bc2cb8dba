"""The trained base and its adapter.

In: a folder or Hub id, the config. Out: a model in the right number format, its limits, its tokenizer, PEFT's settings.
Not here: training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from understudy.extras import require
from understudy.models.finite import require_finite_weights
from understudy.models.loading import load_base, load_settings
from understudy.training.config import Attention, Dtype, LoraSettings, Method, TrainerConfig
from understudy.training.encoding import ModelLimits

if TYPE_CHECKING:
    import torch

_STATEFUL = {"linear_attention", "conv", "hybrid", "hybrid_sliding"}
"""Kinds of layers, in transformers' words, that carry a state from token to token."""


def limits_of(base: str) -> ModelLimits:
    """Limits of the model, from its config alone. Raises ``OSError`` if there is no model."""
    settings = load_settings(base)
    return ModelLimits(getattr(settings, "max_position_embeddings", None), getattr(settings, "vocab_size", None))


def load_trainable(base: str, config: TrainerConfig, *, packing: bool) -> Any:
    """The base as it is trained.

    Raises ``ValueError`` for QLoRA without bitsandbytes, for flash attention outside bfloat16, and for packing of a
    model that would mix neighbouring sequences of a row, ``NotFiniteError`` for NaN or infinite weights.
    """
    import torch

    in_four_bits = config.method is Method.QLORA
    for extra in config.extras:
        require(extra, f"a training with method {config.method.value!r}")
    require_here(config)
    if packing:
        _refuse_rows_that_leak(load_settings(base), base)
    # A fully trained model keeps its master weights in float32: bfloat16 would round small updates away.
    in_bfloat16 = computes_in_bfloat16(config) and config.method is not Method.FULL
    dtype = torch.bfloat16 if in_bfloat16 else torch.float32
    model: Any = load_base(
        base, dtype, attention=config.attention.value, quantization=_four_bits(dtype) if in_four_bits else None
    )
    require_finite_weights(model, base)
    model.config.use_cache = False  # with the cache, packed sequences would see one another
    if in_four_bits:
        _keep_weights_trainable_through(model)
    return model


def require_here(config: TrainerConfig) -> None:
    """Raise ``ValueError`` for flash attention and for trackers that this machine does not have. The message begins
    with the key.
    """
    if config.attention is Attention.FLASH:
        from transformers.utils import is_flash_attn_2_available

        if not computes_in_bfloat16(config):
            raise ValueError(
                "attention: 'flash_attention_2' computes in bfloat16 on a GPU; here it would be float32: use 'sdpa'"
            )
        if not is_flash_attn_2_available():
            raise ValueError("attention: 'flash_attention_2' needs a GPU and the package flash-attn: use 'sdpa'")
    if config.report_to:
        from transformers.integrations import get_available_reporting_integrations

        known = [*get_available_reporting_integrations(), "all", "none"]
        if unknown := [name for name in config.report_to if name not in known]:
            raise ValueError(
                f"report_to: expected trackers that are installed ({', '.join(known)}); got {unknown[0]!r}"
            )


def padding_id(tokenizer: Any) -> int:
    """What rows are padded with; it is never a target."""
    return int(tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id)


def computes_in_bfloat16(config: TrainerConfig) -> bool:
    """Whether the forward pass runs in bfloat16."""
    import torch

    if config.dtype is Dtype.AUTO:
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return config.dtype is Dtype.BFLOAT16


def adapter_settings(config: TrainerConfig) -> Any:
    """PEFT's settings, or None if all weights are trained."""
    return None if config.method is Method.FULL else lora_settings(config.lora)


def lora_settings(lora: LoraSettings) -> Any:
    """Our adapter's settings as PEFT's."""
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
    """A context in which torch computes with this many threads; None leaves its choice."""
    import torch

    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _four_bits(computed_in: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=computed_in,
    )


def _refuse_rows_that_leak(settings: Any, base: str) -> None:
    """Only attention keeps sequences apart by their positions; convolutions and recurrences read across them."""
    leaking = sorted(_STATEFUL & set(getattr(settings, "layer_types", None) or ()))
    if leaking:
        raise ValueError(
            f"{base} has layers of kind {', '.join(leaking)}, in which packed sequences would see one "
            "another: set packing: false"
        )


def _keep_weights_trainable_through(model: Any) -> None:
    """On a CPU, sampling one reply would convert the weights into a form without gradients."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
