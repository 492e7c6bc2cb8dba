"""A KV cache that grows in blocks.

transformers' dynamic cache copies all keys and values at each token, which takes a third of the time for a small model
and a wide batch. This cache writes in place and copies once in ``BLOCK_TOKENS`` tokens.

Only for layers with full attention: see ``growing_cache``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from understudy.models.cache_size import machine_bytes, numbers_per_token
from understudy.models.shared_prompts import moved

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BLOCK_TOKENS = 64
MEMORY_SHARE = 0.25
"""Share of the device's memory that the keys and values of a batch may take."""
MAX_TOKENS = 262_144


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values are views of the used part of larger buffers: (rows, heads, time, width)."""

    keys: torch.Tensor
    values: torch.Tensor
    _key_buffer: torch.Tensor | None = None
    _value_buffer: torch.Tensor | None = None
    _n_allocated: int = 0
    """Rows of the buffers when they were made."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append; return all keys and all values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        used = self.get_seq_length()
        needed = used + key_states.shape[2]
        if self._key_buffer is None:
            self._n_allocated = len(key_states)
        self._key_buffer = _with_room(self._key_buffer, self.keys, key_states, used, needed)
        self._value_buffer = _with_room(self._value_buffer, self.values, value_states, used, needed)
        self._key_buffer[:, :, used:needed] = key_states
        self._value_buffer[:, :, used:needed] = value_states
        self.keys, self.values = self._key_buffer[:, :, :needed], self._value_buffer[:, :, :needed]
        return self.keys, self.values

    def begin(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Set the first contents."""
        self.lazy_initialization(keys, values)
        self.replace(keys, values)

    def replace(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Set other contents, such as fewer rows."""
        self.keys, self.values = keys, values
        self._key_buffer = self._value_buffer = None

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, in this order."""
        self.replace(self.keys[indices], self.values[indices])

    def keep(self, order: Sequence[int]) -> None:
        """Keep these rows, in the order of ``compacted``; only those that change their place are copied."""
        self.keys, self.values = moved(self.keys, order), moved(self.values, order)
        if self._key_buffer is None or self._value_buffer is None:
            return
        if 2 * len(order) < self._n_allocated:
            self._key_buffer = self._value_buffer = None  # the next token is written to smaller ones
        else:
            self._key_buffer, self._value_buffer = self._key_buffer[: len(order)], self._value_buffer[: len(order)]

    def drop_columns(self, unused: int) -> None:
        """Drop the first columns of all rows."""
        self.keys, self.values = self.keys[:, :, unused:], self.values[:, :, unused:]
        if self._key_buffer is not None and self._value_buffer is not None:
            self._key_buffer, self._value_buffer = self._key_buffer[:, :, unused:], self._value_buffer[:, :, unused:]


def growing_cache(model: PreTrainedModel) -> tuple[DynamicCache, bool]:
    """An empty cache for the model, and whether rows may join it while others are running.

    Sliding windows and recurrent states keep transformers' own layers: they cannot be padded afterwards.
    """
    cache = DynamicCache(config=model.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return cache, False
    cache.layers = [GrowingLayer() for _ in cache.layers]
    return cache, True


def fitting_tokens(model: PreTrainedModel) -> int:
    """How many tokens' keys and values take ``MEMORY_SHARE`` of the memory of the model's device; at most
    ``MAX_TOKENS``.
    """
    try:
        token_bytes = numbers_per_token(model.config.get_text_config()) * model.dtype.itemsize
    except (AttributeError, RuntimeError):  # without attention, or layers of several shapes
        return MAX_TOKENS
    return min(MAX_TOKENS, int(MEMORY_SHARE * _device_bytes(model.device) / token_bytes))


def _device_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return machine_bytes()


def _with_room(
    buffer: torch.Tensor | None, current: torch.Tensor, new: torch.Tensor, used: int, needed: int
) -> torch.Tensor:
    if buffer is not None and buffer.shape[2] >= needed:
        return buffer
    larger = new.new_empty((*new.shape[:2], needed + BLOCK_TOKENS, new.shape[3]))
    if used:
        larger[:, :, :used] = current
    return larger
