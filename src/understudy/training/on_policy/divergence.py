"""The divergence of a student from its teacher at each token of an action.

In: the student's log-probabilities of all tokens, the teacher's. Out: one number per token, in nats. A teacher that
returns only its likeliest tokens is compared on these outcomes and on "any other": merging outcomes can only make a
divergence smaller, so this is a lower bound of the whole one, and equal to it once all tokens are returned.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from understudy.training.on_policy.config import Divergence

_LEAST_REST = 1e-6
"""Probability of "any other" is not taken for less: sums of floats reach one before the real ones do."""


@dataclass(frozen=True, slots=True)
class TeacherLogprobs:
    """A teacher's log-probabilities of K outcomes at each of the A places of an action."""

    logprobs: torch.Tensor
    """(A, K), float32."""
    ids: torch.Tensor | None = None
    """(A, K): which tokens; -1 if there are fewer. None: all tokens of the vocabulary, in their order."""


def divergence(own: torch.Tensor, teacher_logprobs: TeacherLogprobs, kind: Divergence) -> torch.Tensor:
    """Divergence at each place, (A,), in nats. ``own``: the student's log-probabilities of all tokens, (A, V)."""
    if teacher_logprobs.ids is None:
        n_shared = min(own.shape[-1], teacher_logprobs.logprobs.shape[-1])  # vocabularies are padded to different sizes
        student, teacher = own[:, :n_shared], teacher_logprobs.logprobs[:, :n_shared]
    else:
        is_listed = teacher_logprobs.ids >= 0
        known = own.gather(1, teacher_logprobs.ids.clamp(min=0))
        student, teacher = _with_rest(known, is_listed), _with_rest(teacher_logprobs.logprobs, is_listed)
    of, to = (student, teacher) if kind is Divergence.REVERSE_KL else (teacher, student)
    return (of.exp() * (of - to)).sum(-1)


def _with_rest(logprobs: torch.Tensor, is_listed: torch.Tensor) -> torch.Tensor:
    """(A, K + 1): one more outcome, all tokens that are not listed."""
    shares = logprobs.exp().masked_fill(~is_listed, 0.0)
    rest = (1 - shares.sum(-1, keepdim=True)).clamp(min=_LEAST_REST).log()
    nothing = torch.full_like(logprobs, -100.0)  # e^-100, and not -inf, whose product with 0 is not a number
    return torch.cat([torch.where(is_listed, logprobs, nothing), rest], dim=-1)
