"""What the running rows have read and written: keys, values, and which columns are padding.

In: keys and values of prompts that were read; which rows go on. Out: the same for all running rows together. The first
columns are those of shared prompts (see ``shared_prompts``), then come the rows' own; both are padded on the left. Not
here: computing (``decoding``), what is kept for later prompts (``prefix_cache``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from understudy.models.growing_cache import growing_cache
from understudy.models.shared_prompts import NO_PROMPT, SharedPrompts, pad_time

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

pad = torch.nn.functional.pad


class BatchStates:
    """The states of a batch of rows; none at first."""

    def __init__(self, model: PreTrainedModel, *, can_share: bool) -> None:
        """``can_share``: rows with the same prompt store it once; it is then in ``prompts``, not in ``cache``."""
        self._model = model
        self._can_share = can_share
        self.can_join = growing_cache(model)[1]
        """Whether rows may join while others are running."""
        self.clear()

    def clear(self) -> None:
        """Drop all rows."""
        self.cache: DynamicCache = self.new_cache()
        self.prompts: SharedPrompts | None = None
        self.mask = torch.empty(0, 0, dtype=torch.long)  # (rows, columns), 0 on padding
        self.is_padded = False

    def new_cache(self) -> DynamicCache:
        """An empty one for the model."""
        return growing_cache(self._model)[0]

    def add(self, cache: DynamicCache, mask: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
        """Add as many rows to each prompt of ``cache`` as ``sizes`` says. Returns the number of each row's prompt.

        ``mask``: (prompts, time).
        """
        of_row = torch.repeat_interleave(torch.tensor(sizes)).to(mask.device)
        if self._can_share and (self.prompts is not None or max(sizes) > 1):
            self._share(cache, mask, of_row)
        else:
            if max(sizes) > 1:
                cache.batch_select_indices(of_row)
            self._join(cache, mask[of_row])
        self.is_padded = not bool(self.mask.all())
        return of_row

    def add_column(self) -> torch.Tensor | None:
        """A column for the token that each row reads next. Returns the mask, or None if nothing is padded."""
        self.mask = pad(self.mask, (0, 1), value=1)
        return self.mask if self.is_padded else None

    def keep(self, order: Sequence[int]) -> None:
        """Keep these rows, in the order of ``shared_prompts.compacted``."""
        if not order:
            self.clear()
            return
        self.mask = self.mask[torch.tensor(order, device=self.mask.device)]
        if not self.can_join:
            self.cache.batch_select_indices(torch.tensor(order, device=self.mask.device))
            return
        for layer in self.cache.layers:
            layer.keep(order)
        if self.prompts is not None and not self.prompts.keep(order):
            self.mask = self.mask[:, self.prompts.n_tokens :]
            self.prompts = None
        self._drop_columns()
        self.is_padded = not bool(self.mask.all())

    def of_row(self, number: int, start: int) -> torch.Tensor:
        """Keys and values of a row from its token ``start`` on, without padding: (layers, 2, heads, time, width)."""
        real = self.mask[number].nonzero()[start:, 0]
        shared = [] if self.prompts is None else self.prompts.of_row_in_layers(number)
        if self.prompts is not None and not shared:
            real = real - self.prompts.n_tokens
        found = []
        for at, layer in enumerate(self.cache.layers):
            states = torch.stack([layer.keys[number], layer.values[number]])  # (2, heads, time, width)
            if shared:
                states = torch.cat([torch.stack(shared[at]), states], 2)
            found.append(states[:, :, real])
        return torch.stack(found)

    def _join(self, cache: DynamicCache, mask: torch.Tensor) -> None:
        """Append rows, the shorter ones padded on the left."""
        if not len(self.mask):
            self.cache, self.mask = cache, mask
            return
        old, new = self.mask.shape[1], mask.shape[1]
        longest = max(old, new)
        for ours, theirs in zip(self.cache.layers, cache.layers, strict=True):
            ours.replace(
                torch.cat([pad_time(ours.keys, longest), pad_time(theirs.keys, longest)]),
                torch.cat([pad_time(ours.values, longest), pad_time(theirs.values, longest)]),
            )
        self.mask = torch.cat([pad(self.mask, (longest - old, 0)), pad(mask, (longest - new, 0))])

    def _share(self, cache: DynamicCache, mask: torch.Tensor, of_row: torch.Tensor) -> None:
        """Append rows without columns of their own, which share the prompts."""
        states = [(layer.keys, layer.values) for layer in cache.layers]
        n_new, n_old, n_shared = len(of_row), len(self.mask), 0
        n_own = self.mask.shape[1]
        if self.prompts is None:
            self.prompts = SharedPrompts(states, [NO_PROMPT] * n_old + of_row.tolist())
        else:
            n_shared = self.prompts.n_tokens
            n_own -= n_shared
            self.prompts.add(states, of_row.tolist())
        for layer, (keys, values) in zip(self.cache.layers, states, strict=True):
            if n_old:
                layer.replace(_more_rows(layer.keys, n_new), _more_rows(layer.values, n_new))
            else:
                layer.begin(_without_columns(keys, n_new), _without_columns(values, n_new))
        longest = self.prompts.n_tokens
        old = pad(self.mask, (longest - n_shared, 0))
        new = pad(mask[of_row], (longest - mask.shape[1], n_own))
        self.mask = torch.cat([old, new]) if n_old else new

    def _drop_columns(self) -> None:
        """Drop the first columns that are padding in every row, of the prompts and of the rows themselves."""
        used = self.mask.any(0)
        n_shared = 0 if self.prompts is None else self.prompts.n_tokens
        own = int(used[n_shared:].to(torch.uint8).argmax()) if len(used) > n_shared else 0
        if own:
            for layer in self.cache.layers:
                layer.drop_columns(own)
        shared = int(used[:n_shared].to(torch.uint8).argmax()) if n_shared else 0
        if shared and self.prompts is not None:
            self.prompts.drop_columns(shared)
        if own or shared:
            self.mask = torch.cat([self.mask[:, shared:n_shared], self.mask[:, n_shared + own :]], 1)


def _more_rows(states: torch.Tensor, n_rows: int) -> torch.Tensor:
    """With rows of zeros at the end."""
    return pad(states, (0, 0, 0, 0, 0, 0, 0, n_rows))


def _without_columns(states: torch.Tensor, n_rows: int) -> torch.Tensor:
    return states.new_empty((n_rows, states.shape[1], 0, states.shape[3]))
