"""Decoding of many replies at once with one causal model: rows join and leave between any two tokens.

In: rows, each with its prompt's ids, sampling settings and seed. Out: the same rows, finished.

A row's tokens do not depend on its neighbours, but for the noise of the floating-point sums (float64 removes that too).
Prompts are padded on the left; positions count real tokens only. Rows that share a prompt share its computation, and
what a ``PrefixCache`` holds is not read again. Used by one thread at a time.

Not here: how a token is chosen (``sampling``); queues, threads, records; beam search, penalties.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch

from understudy.models.batch_states import BatchStates
from understudy.models.llama_step import LlamaStep
from understudy.models.prefix_cache import MIN_TOKENS, Found, PrefixCache, common_prefix
from understudy.models.sampling import Row, choose
from understudy.models.shared_prompts import compacted
from understudy.models.stopping import StopStrings, cut_text
from understudy.records import FinishReason

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase


CPU_PASS_TOKENS, GPU_PASS_TOKENS = 64, 1024
"""What one more pass costs, in tokens that could be read in the same time."""


class Decoder:
    """A batch of rows and their KV cache."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        stop_ids: frozenset[int],
        max_kept_bytes: int = 0,
        step: LlamaStep | None = None,
    ) -> None:
        """``stop_ids``: tokens that end a reply. ``max_kept_bytes``: the bound on keys and values that are kept for
        later prompts; the weights must not change while some are kept. ``step``: computes one token of all rows in
        place of the model's own ``forward``.
        """
        self._model = model
        self._tokenizer = tokenizer
        self._stop_ids = stop_ids
        self._stop_strings = StopStrings(tokenizer)
        self._device = model.device
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._keeps_last_only = "logits_to_keep" in accepted
        self.rows: list[Row] = []
        self._own_step = step
        self._states = BatchStates(model, can_share=step is not None)
        self.can_join = self._states.can_join
        """Whether rows may join while others are running."""
        self._kept = PrefixCache(max_kept_bytes if self.can_join else 0)
        self._logits = torch.empty(0)  # (rows, vocabulary), of the next token
        self._positions = torch.empty(0)  # (rows, 1), of the next token

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
        self._states.clear()
        self._kept.clear()

    def _admit(self, groups: Sequence[Sequence[Row]]) -> None:
        prompts = [group[0].prompt_ids for group in groups]
        found = self._find(groups, prompts)
        lengths = [len(prompt) - one.length for prompt, one in zip(prompts, found, strict=True)]
        for numbers in _alike(lengths, CPU_PASS_TOKENS if self._device.type == "cpu" else GPU_PASS_TOKENS):
            self._admit_alike([groups[n] for n in numbers], [prompts[n] for n in numbers], [found[n] for n in numbers])

    def _find(self, groups: Sequence[Sequence[Row]], prompts: list[Sequence[int]]) -> list[Found]:
        """What is kept of each prompt. What several prompts begin with is read first, once: for the first of them."""
        found = [self._kept.find(prompt) for prompt in prompts]
        n_cached = [one.length for one in found]
        shared = common_prefix([prompt[:-1] for prompt in prompts]) if self._kept.is_on else 0
        if sum(shared >= length + MIN_TOKENS for length in n_cached) > 1:
            opening = prompts[0][:shared]
            cache, _, _ = self._read([opening], [self._kept.find(opening)])
            self._kept.keep(opening, partial(_of_prompt, cache))
            reader = next(number for number, length in enumerate(n_cached) if length < shared)
            found = [self._kept.find(prompt) for prompt in prompts]
            n_cached = [n_cached[n] if n == reader else one.length for n, one in enumerate(found)]
        for group, length in zip(groups, n_cached, strict=True):
            group[0].n_cached = length
        return found

    def _admit_alike(self, groups: Sequence[Sequence[Row]], prompts: list[Sequence[int]], found: list[Found]) -> None:
        cache, mask, logits = self._read(prompts, found)
        positions = mask.sum(1, keepdim=True)
        chosen = self._states.add(cache, mask, [len(group) for group in groups])
        logits, positions = logits[chosen], positions[chosen]
        if self.rows:
            logits, positions = torch.cat([self._logits, logits]), torch.cat([self._positions, positions])
        self._logits, self._positions = logits, positions
        self.rows.extend(row for group in groups for row in group)

    def _step(self) -> list[Row]:
        tokens = choose(self._logits, self.rows, self._model.config.name_or_path or "the model")
        finished = self._record(tokens)
        if finished:
            self._keep_finished()
            order = compacted([row.finish_reason is None for row in self.rows])
            tokens = tokens[order]
            self._keep(order)
        if self.rows:
            self._advance(tokens)
        return finished

    def _keep_finished(self) -> None:
        """Keep what finished rows have read and written, but for the last token, which the model has not seen."""
        for number, row in enumerate(self.rows):
            if row.finish_reason is not None:
                self._kept.keep([*row.prompt_ids, *row.ids[:-1]], partial(self._states.of_row, number))

    def _read(
        self, prompts: list[Sequence[int]], found: list[Found]
    ) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Prefill. Returns cache, mask (prompts, time) and next logits (prompts, vocabulary)."""
        lengths = [one.length for one in found]
        ends = [prompt[length:] for prompt, length in zip(prompts, lengths, strict=True)]
        cache = self._states.new_cache()
        if max(lengths):
            self._fill(cache, found, max(lengths))
        ids = torch.tensor([[0] * (max(map(len, ends)) - len(end)) + list(end) for end in ends])  # 0: it is masked
        mask = torch.cat([_left_padded(lengths), _left_padded([len(end) for end in ends])], 1).to(self._device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, max(lengths) :]
        padded = None if bool(mask.all()) else mask
        logits = self._forward(ids.to(self._device), padded, positions, cache)
        return cache, mask, logits

    def _fill(self, cache: DynamicCache, found: list[Found], longest: int) -> None:
        """Put what is kept into an empty cache, padded on the left."""
        filled: torch.Tensor | None = None
        for number, one in enumerate(found):
            if not one.length:
                continue
            states = self._kept.states(one)  # (layers, keys and values, heads, time, width)
            if filled is None:
                n_layers, two, heads, _, width = states.shape
                filled = states.new_zeros((n_layers, two, len(found), heads, longest, width))
            filled[:, :, number, :, longest - one.length :] = states
        if filled is not None:
            for layer, (keys, values) in zip(cache.layers, filled, strict=True):
                layer.begin(keys, values)

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
        mask, cache = self._states.add_column(), self._states.cache
        if self._own_step is None:
            self._logits = self._forward(tokens[:, None], mask, self._positions, cache)
        else:
            self._logits = self._own_step(tokens, self._positions, mask, cache, self._states.prompts)
        self._positions = self._positions + 1

    def _keep(self, order: list[int]) -> None:
        """Keep these rows, in this order."""
        self.rows = [self.rows[number] for number in order]
        self._states.keep(order)
        self._positions = self._positions[order]

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


def _of_prompt(cache: DynamicCache, start: int) -> torch.Tensor:
    """Keys and values of the only prompt from its token ``start`` on: (layers, 2, heads, time, width)."""
    return torch.stack([torch.stack([layer.keys[0, :, start:], layer.values[0, :, start:]]) for layer in cache.layers])


def _left_padded(lengths: Sequence[int]) -> torch.Tensor:
    """A mask (rows, longest): as many ones at the end of each row."""
    longest = max(lengths)
    return (torch.arange(longest) >= longest - torch.tensor(lengths)[:, None]).long()


def _alike(lengths: Sequence[int], pass_tokens: int) -> list[list[int]]:
    """Numbers of the prompts that are read together, so that padding and passes cost least; the longest first.

    ``pass_tokens``: what one more pass costs, in tokens read.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    costs, starts = [0], [0]  # of the first n prompts; where their last pass starts
    for end in range(1, len(order) + 1):
        found = [costs[start] + pass_tokens + lengths[order[start]] * (end - start) for start in range(end)]
        costs.append(min(found))
        starts.append(found.index(costs[-1]))
    passes: list[list[int]] = []
    end = len(order)
    while end:
        passes.insert(0, order[starts[end] : end])
        end = starts[end]
    return passes
