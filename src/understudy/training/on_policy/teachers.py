"""Teachers that return log-probabilities of tokens: weights in this process, or a model behind a server.

In: prefixes and the student's actions. Out: the teacher's log-probabilities of each action. A server must accept token
ids and return log-probabilities of its prompt (``prompt_logprobs`` of vLLM, and of this package's own server).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from understudy.models import OpenAIChatConfig
from understudy.models.openai_chat import OpenAIChatModel
from understudy.parallel import map_ordered
from understudy.training.on_policy.divergence import TeacherLogprobs
from understudy.training.on_policy.prefixes import Prefix, TokenizersDifferError

N_PROVEN_PREFIXES = 16
"""Number of prefixes that a server must render before anything is trained."""


LEAST_LOGPROB = -100.0
"""Servers write an impossible token as a huge negative number (vLLM: -9999), which would dominate a loss."""


class Teacher(Protocol):
    """Returns log-probabilities of the tokens of actions."""

    def logprobs(
        self, prefixes: Sequence[Sequence[int]], actions: Sequence[Sequence[int]]
    ) -> Iterator[TeacherLogprobs]:
        """Those of each action, in order."""
        ...


@dataclass(frozen=True, slots=True)
class LocalTeacher:
    """Weights in this process."""

    model: Any
    autocast: Callable[[], AbstractContextManager[object]]

    def logprobs(
        self, prefixes: Sequence[Sequence[int]], actions: Sequence[Sequence[int]]
    ) -> Iterator[TeacherLogprobs]:
        """The whole vocabulary at each place."""
        for prefix, action in zip(prefixes, actions, strict=True):
            with torch.no_grad(), self.autocast():
                logprobs = action_logprobs(self.model, prefix, action)
            yield TeacherLogprobs(logprobs)  # out here: what is open at a yield is open for the caller


@dataclass(frozen=True, slots=True)
class ServerTeacher:
    """A model by URL."""

    model: OpenAIChatModel
    top_k: int
    in_flight: int
    device: torch.device

    def logprobs(
        self, prefixes: Sequence[Sequence[int]], actions: Sequence[Sequence[int]]
    ) -> Iterator[TeacherLogprobs]:
        """The likeliest tokens at each place, and the token that the student sampled. Raises ``ProviderError``."""
        pairs = list(zip(prefixes, actions, strict=True))
        yield from map_ordered(self._logprobs_of, pairs, self.in_flight)

    def prove_rendering(self, prefixes: Sequence[Prefix]) -> None:
        """Have the server render some of the prefixes from their messages, if it offers that.

        Raises ``TokenizersDifferError`` if ids differ from what would be sent.
        """
        every = max(1, len(prefixes) // N_PROVEN_PREFIXES)
        for prefix in prefixes[::every][:N_PROVEN_PREFIXES]:
            ids = self.model.rendered_ids(prefix.messages, prefix.tools)
            if ids is not None and ids != prefix.ids:
                raise TokenizersDifferError(
                    f"{self.model.name} renders a stored prefix in {len(ids)} ids, the student in {len(prefix.ids)}; "
                    f"the first that differ are at {_first_difference(ids, prefix.ids)}"
                )

    def _logprobs_of(self, pair: tuple[Sequence[int], Sequence[int]]) -> TeacherLogprobs:
        prefix, action = pair
        places = self.model.prompt_logprobs([*prefix, *action], len(prefix), self.top_k)
        width = max(map(len, places))
        ids = torch.full((len(places), width), -1, dtype=torch.long)
        logprobs = torch.zeros((len(places), width))
        for number, place in enumerate(places):
            ids[number, : len(place)] = torch.tensor(list(place))
            logprobs[number, : len(place)] = torch.tensor(list(place.values())).clamp(min=LEAST_LOGPROB)
        return TeacherLogprobs(logprobs.to(self.device), ids.to(self.device))


@contextmanager
def server_teacher(config: OpenAIChatConfig, top_k: int, device: torch.device) -> Iterator[ServerTeacher]:
    """Open a teacher by URL."""
    with closing(OpenAIChatModel(config)) as model:
        yield ServerTeacher(model, top_k, config.max_in_flight, device)


def action_logprobs(model: Any, prefix: Sequence[int], action: Sequence[int]) -> torch.Tensor:
    """Log-probabilities of all tokens at each place of an action, (A, V), float32."""
    ids = torch.tensor([[*prefix, *action[:-1]]], device=model.device)  # (1, T)
    logits: torch.Tensor = model(input_ids=ids, use_cache=False, logits_to_keep=len(action)).logits[0]
    return logits.float().log_softmax(-1)


def _first_difference(ids: Sequence[int], others: Sequence[int]) -> int:
    pairs = zip(ids, others, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(ids), len(others)))
