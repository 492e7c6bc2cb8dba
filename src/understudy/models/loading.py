"""A transformers checkpoint, and an adapter on top of it, from a folder or the Hub.

In: a ``LocalConfig``, or a path and number formats. Out: weights in memory and the tokenizer; only this module loads
either. An adapter that changes nothing is refused, because it is easy to overlook that the base model was evaluated in
place of the student. Not here: where a checkpoint is (see ``locating``), several GPUs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.hub import naming_what_is_missing
from understudy.models.config import Device, DType, LocalConfig
from understudy.models.finite import require_finite_weights
from understudy.models.locating import base_and_adapter, locate, locate_adapter

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase


class AdapterWithoutEffectError(ValueError):
    """The base model with the adapter computes exactly the same logits as the base model alone."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded checkpoint, ready to compute."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    context_tokens: int
    """Prompt and reply together, from the model's config."""


def load_checkpoint(config: LocalConfig) -> Checkpoint:
    """Load base and adapter; the adapter is merged, which makes each step cheaper.

    A folder that contains only an adapter means its base with this adapter. Raises ``OSError`` if there is no
    checkpoint, ``AdapterWithoutEffectError``, ``NotFiniteError`` for weights that are NaN or infinite, and
    ``ValueError`` if there is no GPU, or ``quantization`` is not possible.
    """
    base, adapter = base_and_adapter(config.path, config.adapter)
    own_tokenizer = adapter is None or (Path(config.path).expanduser() / "tokenizer_config.json").exists()
    tokenizer = load_tokenizer(config.path if own_tokenizer else base)
    model = load_for_reading(config.model_copy(update={"path": base}))
    if adapter is not None:
        model = merge_in_memory(load_adapter(model, adapter))
    require_finite_weights(model, " + ".join(filter(None, [base, adapter])))
    return ready_checkpoint(model, tokenizer, config)


def ready_checkpoint(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: LocalConfig) -> Checkpoint:
    """Whole weights as agents run them: they are rounded if ``config`` says so. Raises ``ValueError`` if
    ``quantization`` is not possible.
    """
    if config.quantization is not None:
        from understudy.models.int8 import quantize

        quantize(model)
    context_tokens = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 2**31
    return Checkpoint(model, tokenizer, int(context_tokens))


def load_for_reading(config: LocalConfig) -> PreTrainedModel:
    """Only the weights of ``path``, on their device, without gradients. Raises the errors of ``load_base``."""
    import torch

    device = torch_device(config.device)
    dtype = getattr(torch, config.dtype.value) if config.dtype is not DType.AUTO else _saved_dtype(device)
    model = load_base(config.path, dtype).to(device).eval()
    model.requires_grad_(requires_grad=False)
    return model


def load_settings(path: str) -> Any:
    """The config of the language part of a model, as transformers reads it. Raises ``OSError`` if there is none."""
    from transformers import AutoConfig

    source = locate(path)
    with naming_what_is_missing(path):
        return AutoConfig.from_pretrained(source).get_text_config()


def load_generation_settings(path: str) -> GenerationConfig:
    """Settings of replies: the checkpoint's own, or those that transformers derives from its config."""
    from transformers import AutoConfig, GenerationConfig

    source = locate(path)
    try:
        return GenerationConfig.from_pretrained(source)
    except OSError:
        with naming_what_is_missing(path):
            return GenerationConfig.from_model_config(AutoConfig.from_pretrained(source))


def load_base(
    path: str, dtype: torch.dtype | str, *, attention: str | None = None, quantization: object | None = None
) -> PreTrainedModel:
    """Weights of a folder or Hub id. Raises ``OSError``, which says where they were searched.

    Args:
        path: Folder or Hub id.
        dtype: Number format of the weights in memory.
        attention: Name of the kernels, as transformers calls them; None leaves its choice.
        quantization: transformers' own config of a quantised model.
    """
    from transformers import AutoModelForCausalLM

    source = locate(path)
    options = {"attn_implementation": attention, "quantization_config": quantization}
    chosen = {name: value for name, value in options.items() if value is not None}
    with bars_of_downloads_only(source), naming_what_is_missing(path):
        return AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **chosen)


def load_tokenizer(path: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or Hub id. Raises ``OSError``, which says where it was looked for."""
    from transformers import AutoTokenizer

    source = locate(path)
    with naming_what_is_missing(path):
        return AutoTokenizer.from_pretrained(source)


@contextmanager
def bars_of_downloads_only(path: str | Path) -> Iterator[None]:
    """Hide bars for reading or writing a folder, which would disturb the run's bar; keep those of downloads."""
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
    """Hide a warning that users cannot act on: PEFT reads an attribute of transformers by its deprecated name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def load_adapter(model: PreTrainedModel, adapter: str) -> PeftModel:
    """The model with the adapter on its weights, not merged. Raises ``AdapterWithoutEffectError``."""
    import torch
    from peft import PeftModel

    source = locate_adapter(adapter)
    with naming_what_is_missing(adapter), without_peft_warning():
        adapted = PeftModel.from_pretrained(model, source).eval()
    # Any tokens are enough: an adapter of zeros, or one whose names fit no layer, changes no logit at all.
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


def merge_in_memory(adapted: PeftModel) -> PreTrainedModel:
    """The base with the adapter added to its weights, in the same memory."""
    merged: PreTrainedModel = adapted.merge_and_unload()
    merged.requires_grad_(requires_grad=False)
    return merged


def torch_device(device: Device) -> torch.device:
    """The torch device. Raises ``ValueError`` for a GPU if torch sees none."""
    import torch

    has_gpu = torch.cuda.is_available()
    if device is Device.CUDA and not has_gpu:
        raise ValueError("expected a GPU for device: cuda, but torch sees none")
    return torch.device("cuda" if device is Device.CUDA or (device is Device.AUTO and has_gpu) else "cpu")


def _saved_dtype(device: torch.device) -> torch.dtype | str:
    import torch

    return torch.float32 if device.type == "cpu" else "auto"
