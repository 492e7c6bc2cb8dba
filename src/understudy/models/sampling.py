"""Rows, which are replies in progress, and how their next tokens are chosen.

In: the logits of the next token, the rows with their settings. Out: a token a row. A row draws one uniform number a
token from a stream of its own seed and looks it up in the cumulative distribution, so its neighbours do not matter.
Not here: the logits (``decoding``), when a reply ends (``stopping``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from understudy.models.finite import NotFiniteError
from understudy.records import FinishReason

SHORTLIST = 256
"""Tokens that are sorted first to find a nucleus. Sorting a vocabulary of 49,152 takes far longer than the softmax."""

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
    n_cached: int = 0
    """Tokens of the prompt that were not read again."""


def greedy_row(prompt_ids: Sequence[int], max_tokens: int) -> Row:
    """A row that is decoded greedily."""
    return Row(prompt_ids, max_tokens, temperature=0.0, top_p=1.0, stop=(), stream=np.random.default_rng(0))


def choose(logits: torch.Tensor, rows: Sequence[Row], model_name: str = "the model") -> torch.Tensor:
    """The next token of each row: (rows,). ``logits``: (rows, vocabulary). Appends to ``logprobs`` where wanted.

    Raises ``NotFiniteError`` for logits that are NaN or infinite, as float16 gives where a value is beyond its range.
    """
    tokens = logits.argmax(-1)
    if not bool(logits.gather(1, tokens[:, None]).isfinite().all()):  # NaN counts as the largest
        raise NotFiniteError(
            f"{model_name}: expected finite logits, got NaN or infinity; the weights are in {logits.dtype}"
        )
    for is_nucleus in (False, True):
        drawn = [n for n, row in enumerate(rows) if row.temperature > 0 and (row.top_p < 1) == is_nucleus]
        if drawn:
            tokens[drawn] = _draw(logits[drawn], [rows[n] for n in drawn], is_nucleus)
    wanted = [number for number, row in enumerate(rows) if row.wants_logprobs]
    if wanted:
        asked = logits[wanted]
        asked = asked.double() if asked.dtype is torch.float64 else asked.float()
        chosen = asked.gather(1, tokens[wanted, None])[:, 0] - asked.logsumexp(-1)
        for number, logprob in zip(wanted, chosen.tolist(), strict=True):
            rows[number].logprobs.append(min(logprob, 0.0))
    return tokens


def _draw(logits: torch.Tensor, rows: Sequence[Row], is_nucleus: bool) -> torch.Tensor:
    device = logits.device
    uniform = torch.tensor([row.stream.random() for row in rows], dtype=torch.float64, device=device)
    temperature = torch.tensor([row.temperature for row in rows], dtype=torch.float64, device=device)
    # The quotient is in float64; ``logits.double()`` before it would allocate the whole vocabulary once more.
    probabilities = torch.softmax(torch.div(logits, temperature[:, None]), -1)  # (rows, vocabulary)
    if not is_nucleus:
        return _look_up(probabilities, uniform)
    top_p = torch.tensor([row.top_p for row in rows], dtype=torch.float64, device=device)
    order, in_nucleus = _nucleus(probabilities, top_p)
    picked = _look_up(in_nucleus, uniform)
    return order.gather(1, picked[:, None])[:, 0]


def _nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The most probable tokens of each row, equal ones in the vocabulary's order, and their probabilities, which are 0
    outside the nucleus: both (rows, tokens). The tokens are a shortlist where each row's nucleus ends within it.
    """
    if probabilities.shape[-1] > SHORTLIST:
        found = probabilities.topk(SHORTLIST)
        last = found.values[:, -1:]  # tokens as probable as the last one may be missing
        chosen = found.indices.sort(dim=-1).values
        order, in_nucleus = _cut(probabilities.gather(1, chosen), top_p)
        if not bool(((in_nucleus > 0) & (in_nucleus <= last)).any()):
            return chosen.gather(1, order), in_nucleus
    return _cut(probabilities, top_p)


def _cut(probabilities: torch.Tensor, top_p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Order, and the ordered probabilities with 0 outside the nucleus."""
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    outside = ordered.cumsum(-1) - ordered >= top_p[:, None]
    outside[:, 0] = False
    return order, ordered.masked_fill(outside, 0.0)


def _look_up(probabilities: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Index of the entry under which each uniform number falls; entries of probability 0 are never chosen."""
    cumulative = probabilities.cumsum(-1)
    target = uniform * cumulative[:, -1]
    last = probabilities.shape[-1] - 1 - (probabilities.flip(-1) > 0).to(torch.uint8).argmax(-1)
    found = torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]
    return torch.minimum(found, last)
