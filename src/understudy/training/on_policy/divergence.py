"""How far a student is from its teacher, at each token of an action.

In: the student's log-probabilities of all tokens, the teacher's opinion. Out: one number a place, in nats. A teacher
that tells its likeliest tokens only is compared on the outcomes it tells and on "any other": merging outcomes can only
make a divergence smaller, so this is a lower bound of the whole one, and equal to it once all tokens are told.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from understudy.training.on_policy.config import Divergence

_LEAST_REST = 1e-6
"""Probability of "any other" is not taken for less: sums of floats reach one before the real ones do."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a teacher thinks of an action of A tokens: log-probabilities of K outcomes at each place."""

    logprobs: torch.Tensor
    """(A, K), float32."""
    ids: torch.Tensor | None = None
    """(A, K): which tokens; -1 where there are fewer. None: all tokens of the vocabulary, in their order."""


def divergence(own: torch.Tensor, opinion: Opinion, kind: Divergence) -> torch.Tensor:
    """Divergence at each place, (A,), in nats. ``own``: the student's log-probabilities of all tokens, (A, V)."""
    if opinion.ids is None:
        n_shared = min(own.shape[-1], opinion.logprobs.shape[-1])  # vocabularies are padded to different sizes
        student, teacher = own[:, :n_shared], opinion.logprobs[:, :n_shared]
    else:
        is_told = opinion.ids >= 0
        known = own.gather(1, opinion.ids.clamp(min=0))
        student, teacher = _with_rest(known, is_told), _with_rest(opinion.logprobs, is_told)
    of, to = (student, teacher) if kind is Divergence.REVERSE_KL else (teacher, student)
    return (of.exp() * (of - to)).sum(-1)


def _with_rest(logprobs: torch.Tensor, is_told: torch.Tensor) -> torch.Tensor:
    """(A, K + 1): one more outcome, all that is not told. What is not there has no share in any sum."""
    shares = logprobs.exp().masked_fill(~is_told, 0.0)
    rest = (1 - shares.sum(-1, keepdim=True)).clamp(min=_LEAST_REST).log()
    nothing = torch.full_like(logprobs, -100.0)  # e^-100, and not -inf, whose product with 0 is no number
    return torch.cat([torch.where(is_told, logprobs, nothing), rest], dim=-1)
