"""Decoding of many replies at once with one causal model: rows join and leave between any two tokens.

In: rows, each with its prompt's ids, sampling settings and seed. Out: the same rows, finished.

A row draws one uniform number per token from a stream with its own seed and looks it up in the cumulative distribution.
Its tokens therefore do not depend on its neighbours, except for floating-point noise (float64 removes that too).
Prompts are padded on the left; positions count real tokens only. Rows that share a prompt share its computation. Used
by one thread at a time.

Not here: queues, threads, records; beam search, penalties.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from understudy.models.growing_cache import growing_cache
from understudy.models.stopping import StopStrings, cut_text
from understudy.records import FinishReason

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

Stream = np.random.Generator
"""The source of a row's uniform numbers."""


@dataclass(slots=True, eq=False)
class Row:
    """One reply in progress."""

    prompt_ids: Sequence[int]
    max_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...]
    stream: Stream
    wants_logprobs: bool = False
    ids: list[int] = field(default_factory=list)
    """Tokens sampled so far, including the one that ended the reply."""
    logprobs: list[float] = field(default_factory=list)
    """Log-probabilities of the model's own distribution, before temperature and top_p."""
    text: str = ""
    finish_reason: FinishReason | None = None


def greedy_row(prompt_ids: Sequence[int], max_tokens: int) -> Row:
    """A row that is decoded greedily."""
    return Row(prompt_ids, max_tokens, temperature=0.0, top_p=1.0, stop=(), stream=np.random.default_rng(0))


class Decoder:
    """A batch of rows and their KV cache."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]) -> None:
        """``stop_ids``: tokens that end a reply."""
        self._model = model
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._stop_strings = StopStrings(tokenizer)
        self._device = model.device
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._keeps_last_only = "logits_to_keep" in accepted
        self.rows: list[Row] = []
        self._cache, self.can_join = growing_cache(model)
        """Whether rows may join while others are running."""
        self._logits = torch.empty(0)  # (rows, vocabulary), of the next token
        self._mask = torch.empty(0)  # (rows, time), 0 on padding
        self._positions = torch.empty(0)  # (rows, 1), of the next token
        self._is_padded = False

    def admit(self, groups: Sequence[Sequence[Row]]) -> None:
        """Read the prompts of new rows; the rows of a group have the same prompt."""
        with torch.inference_mode():
            self._admit(groups)

    def step(self) -> list[Row]:
        """Sample one token for each row; return the finished rows, which leave the batch."""
        with torch.inference_mode():
            return self._step()

    def clear(self) -> None:
        """Drop all rows."""
        self.rows = []
        self._cache = self._new_cache()

    def _admit(self, groups: Sequence[Sequence[Row]]) -> None:
        prompts = [group[0].prompt_ids for group in groups]
        cache, mask, logits = self._read(prompts)
        repeats = torch.tensor([len(group) for group in groups], device=self._device)
        chosen = torch.arange(len(groups), device=self._device).repeat_interleave(repeats)
        if len(chosen) > len(groups):
            cache.batch_select_indices(chosen)
        mask, logits = mask[chosen], logits[chosen]
        positions = mask.sum(1, keepdim=True)
        if self.rows:
            mask = self._join(cache, mask)
            logits = torch.cat([self._logits, logits])
            positions = torch.cat([self._positions, positions])
        else:
            self._cache = cache
        self._mask, self._logits, self._positions = mask, logits, positions
        self._is_padded = not bool(mask.all())
        self.rows.extend(row for group in groups for row in group)

    def _step(self) -> list[Row]:
        tokens = self._choose()
        finished = self._record(tokens)
        if finished:
            keep = [number for number, row in enumerate(self.rows) if row.finish_reason is None]
            tokens = tokens[keep]
            self._keep(keep)
        if self.rows:
            self._advance(tokens)
        return finished

    def _new_cache(self) -> DynamicCache:
        return growing_cache(self._model)[0]

    def _read(self, prompts: list[Sequence[int]]) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Prefill. Returns cache, mask (prompts, time) and next logits (prompts, vocabulary)."""
        longest = max(map(len, prompts))
        ids = torch.zeros((len(prompts), longest), dtype=torch.long)  # any id will do as padding: it is masked
        mask = torch.zeros((len(prompts), longest), dtype=torch.long)
        for number, prompt in enumerate(prompts):
            ids[number, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
            mask[number, longest - len(prompt) :] = 1
        mask = mask.to(self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache = self._new_cache()
        padded = mask if len(set(map(len, prompts))) > 1 else None
        logits = self._forward(ids.to(self._device), padded, positions, cache)
        return cache, mask, logits

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        """Next logits (rows, vocabulary). ``mask`` None: nothing is padded, and kernels without one are faster."""
        extra: dict[str, torch.Tensor | int] = {}
        if self._takes_positions:
            extra["position_ids"] = positions
        if self._keeps_last_only:
            extra["logits_to_keep"] = 1
        out = self._model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra)
        return out.logits[:, -1]

    def _advance(self, tokens: torch.Tensor) -> None:
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        self._logits = self._forward(
            tokens[:, None], self._mask if self._is_padded else None, self._positions, self._cache
        )
        self._positions = self._positions + 1

    def _join(self, cache: DynamicCache, mask: torch.Tensor) -> torch.Tensor:
        """Append the rows of ``cache`` to the running rows, the shorter of both padded on the left."""
        old, new = self._mask.shape[1], mask.shape[1]
        longest = max(old, new)
        for ours, theirs in zip(self._cache.layers, cache.layers, strict=True):
            ours.replace(
                torch.cat([_pad_time(ours.keys, longest), _pad_time(theirs.keys, longest)]),
                torch.cat([_pad_time(ours.values, longest), _pad_time(theirs.values, longest)]),
            )
        pad = torch.nn.functional.pad
        return torch.cat([pad(self._mask, (longest - old, 0)), pad(mask, (longest - new, 0))])

    def _keep(self, keep: list[int]) -> None:
        self.rows = [self.rows[number] for number in keep]
        if not self.rows:
            self._cache = self._new_cache()
            return
        chosen = torch.tensor(keep, device=self._device)
        self._cache.batch_select_indices(chosen)
        self._mask, self._positions = self._mask[chosen], self._positions[chosen]
        if self.can_join:
            unused = int(self._mask.argmax(1).min())  # columns that are padding in every row that is left
            if unused:
                self._mask = self._mask[:, unused:]
                for layer in self._cache.layers:
                    layer.replace(layer.keys[:, :, unused:], layer.values[:, :, unused:])
        self._is_padded = not bool(self._mask.all())

    def _choose(self) -> torch.Tensor:
        """The next token of each row: (rows,)."""
        tokens = self._logits.argmax(-1)
        for is_nucleus in (False, True):
            drawn = [n for n, row in enumerate(self.rows) if row.temperature > 0 and (row.top_p < 1) == is_nucleus]
            if drawn:
                tokens[drawn] = self._draw(drawn, is_nucleus)
        wanted = [number for number, row in enumerate(self.rows) if row.wants_logprobs]
        if wanted:
            logits = self._logits[wanted]
            logits = logits.double() if logits.dtype is torch.float64 else logits.float()
            chosen = logits.gather(1, tokens[wanted, None])[:, 0] - logits.logsumexp(-1)
            for number, logprob in zip(wanted, chosen.tolist(), strict=True):
                self.rows[number].logprobs.append(min(logprob, 0.0))
        return tokens

    def _draw(self, drawn: list[int], is_nucleus: bool) -> torch.Tensor:
        rows = [self.rows[number] for number in drawn]
        uniform = torch.tensor([row.stream.random() for row in rows], dtype=torch.float64, device=self._device)
        temperature = torch.tensor([row.temperature for row in rows], dtype=torch.float64, device=self._device)
        probabilities = torch.softmax(self._logits[drawn].double() / temperature[:, None], -1)  # (drawn, vocabulary)
        if not is_nucleus:
            return _look_up(probabilities, uniform)
        top_p = torch.tensor([row.top_p for row in rows], dtype=torch.float64, device=self._device)
        probabilities, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = probabilities.cumsum(-1) - probabilities
        outside = before >= top_p[:, None]
        outside[:, 0] = False
        picked = _look_up(probabilities.masked_fill(outside, 0.0), uniform)
        return order.gather(1, picked[:, None])[:, 0]

    def _record(self, tokens: torch.Tensor) -> list[Row]:
        finished = []
        for row, token in zip(self.rows, tokens.tolist(), strict=True):
            row.ids.append(token)
            if token in self._stop_ids:
                row.text = self._decode(row.ids[:-1])
                row.finish_reason = FinishReason.STOP
            elif self._stop_strings.may_end(token, row.stop) and self._cut_at_stop(row):
                row.finish_reason = FinishReason.STOP
            elif len(row.ids) >= row.max_tokens:
                row.text = self._decode(row.ids)
                row.finish_reason = FinishReason.LENGTH
            if row.finish_reason is not None:
                finished.append(row)
        return finished

    def _cut_at_stop(self, row: Row) -> bool:
        row.text, string = cut_text(self._decode(row.ids), row.stop)
        return bool(string)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _look_up(probabilities: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Index of the entry under which each uniform number falls; entries of probability 0 are never chosen."""
    cumulative = probabilities.cumsum(-1)
    target = uniform * cumulative[:, -1]
    last = probabilities.shape[-1] - 1 - (probabilities.flip(-1) > 0).to(torch.uint8).argmax(-1)
    found = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
    return torch.minimum(found, last)


def _pad_time(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """Pad keys or values (rows, heads, time, width) with zeros on the left of the time axis."""
    missing = length - tensor.shape[2]
    return torch.nn.functional.pad(tensor, (0, 0, missing, 0)) if missing else tensor
