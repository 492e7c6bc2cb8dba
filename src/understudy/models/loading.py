"""A transformers checkpoint, and an adapter on top of it, from a folder or the Hub.

In: a ``LocalConfig``. Out: weights in memory and the tokenizer. An adapter that changes nothing is
refused: evaluating the base model as the student is the mistake that nobody notices.

Not here: quantised weights, several GPUs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.models.config import Device, DType, LocalConfig

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class AdapterWithoutEffectError(ValueError):
    """The base model with the adapter says exactly what the base model says."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was loaded, ready to compute."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    context_tokens: int
    """Prompt and reply together, from the model's config."""


def load_checkpoint(config: LocalConfig) -> Checkpoint:
    """Load base and adapter; the adapter is merged, which saves its share of each step.

    Raises ``OSError`` where there is no checkpoint, ``AdapterWithoutEffectError``, and ``ValueError``
    for a GPU that is not there.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(config.path)
    model = load_base(config)
    if config.adapter is not None:
        model = load_adapter(model, config.adapter).merge_and_unload()
        model.requires_grad_(requires_grad=False)
    context_tokens = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2**31
    return Checkpoint(model, tokenizer, int(context_tokens))


def load_base(config: LocalConfig) -> PreTrainedModel:
    """The base weights alone, on their device, for reading only."""
    import torch
    from transformers import AutoModelForCausalLM

    device = torch_device(config.device)
    dtype = getattr(torch, config.dtype.value) if config.dtype is not DType.AUTO else _saved_dtype(device)
    with bars_of_downloads_only(config.path):
        model = AutoModelForCausalLM.from_pretrained(config.path, dtype=dtype).to(device).eval()
    model.requires_grad_(requires_grad=False)
    return model


@contextmanager
def bars_of_downloads_only(path: str | Path) -> Iterator[None]:
    """No progress bar for reading or writing a folder, which would break into the walk's own; a Hub id keeps its."""
    from transformers.utils import logging

    is_silenced = Path(path).is_dir() and logging.is_progress_bar_enabled()
    if is_silenced:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if is_silenced:
            logging.enable_progress_bar()


@contextmanager
def without_peft_warning() -> Iterator[None]:
    """Within, PEFT may ask transformers for an attribute by its former name; users need no warning of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def load_adapter(model: PreTrainedModel, adapter: str) -> PeftModel:
    """The model with the adapter beside its weights, not merged. Raises ``AdapterWithoutEffectError``."""
    import torch
    from peft import PeftModel

    with without_peft_warning():
        adapted = PeftModel.from_pretrained(model, adapter).eval()
    # Any few tokens will do: an adapter of zeros, or one whose names fit no layer, changes no logit at all.
    probe = torch.arange(min(16, model.config.get_text_config().vocab_size), device=model.device)[None]
    with torch.inference_mode():
        with_adapter = adapted(input_ids=probe).logits
        with adapted.disable_adapter():
            without = adapted(input_ids=probe).logits
    if torch.equal(with_adapter, without):
        raise AdapterWithoutEffectError(
            f"adapter {adapter} has no effect on {model.config.name_or_path}: all logits are identical. "
            "It is untrained, or was trained on another architecture"
        )
    return adapted


def torch_device(device: Device) -> torch.device:
    """Raises ``ValueError`` where a GPU is asked for and torch sees none."""
    import torch

    has_gpu = torch.cuda.is_available()
    if device is Device.CUDA and not has_gpu:
        raise ValueError("device: cuda was asked for, but torch sees no GPU")
    return torch.device("cuda" if device is Device.CUDA or (device is Device.AUTO and has_gpu) else "cpu")


def _saved_dtype(device: torch.device) -> torch.dtype | str:
    import torch

    return torch.float32 if device.type == "cpu" else "auto"
