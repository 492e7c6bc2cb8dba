"""How probable a model finds the tokens of a reply, and which tokens it would have chosen.

In: weights in memory, ids, the position where the reply begins. Out: log-probabilities and greedy ids of the reply.
Used to choose between trajectories by their likelihood under the student, and to verify served students.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.closing import Closing
from understudy.models.config import LocalConfig
from understudy.models.finite import require_finite
from understudy.models.rendering import Renderer
from understudy.models.token_ids import require_known_ids
from understudy.records import Example, Message, Role, SpanPart, ToolSchema, TrainSpan

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHUNK_TOKENS = 512
"""Positions that are normalised at once: a vocabulary of 150,000 in float32 takes 300 MB for this many."""


@dataclass(frozen=True, slots=True)
class Scored:
    """How probable a model finds a reply; all three are as long as the reply."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    greedy_ids: tuple[int, ...]
    """The most probable token at each place, after the reply's own tokens before it."""


def score(model: PreTrainedModel, ids: Sequence[int], start: int) -> Scored:
    """Score ``ids[start:]`` after ``ids[:start]``.

    Raises ``ValueError`` unless 0 < start < len(ids), ``NotFiniteError`` if the model computes NaN or infinities.
    """
    import torch

    if not 0 < start < len(ids):
        raise ValueError(f"expected 0 < start < {len(ids)}, got {start}")
    require_known_ids(model, ids)
    logprobs: list[float] = []
    greedy: list[int] = []
    with torch.inference_mode():
        tokens = torch.tensor(list(ids), device=model.device)
        # The model's own forward, not its parts: some families scale or cap their logits at the end.
        n_reply = len(ids) - start
        keep = {"logits_to_keep": n_reply} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
        reply_logits = model(input_ids=tokens[None, :-1], use_cache=False, **keep).logits[0, -n_reply:]
        for first in range(0, n_reply, CHUNK_TOKENS):
            logits = reply_logits[first : first + CHUNK_TOKENS]  # (chunk, vocabulary)
            logits = logits if logits.dtype is torch.float64 else logits.float()
            targets = tokens[start + first : start + first + len(logits), None]
            chosen = logits.gather(1, targets)[:, 0] - logits.logsumexp(-1)
            logprobs.extend(chosen.clamp(max=0).tolist())
            greedy.extend(logits.argmax(-1).tolist())
    require_finite(logprobs, f"log-probabilities of {model.config.name_or_path}")
    return Scored(tuple(ids[start:]), tuple(logprobs), tuple(greedy))


def top_logprobs(model: PreTrainedModel, ids: Sequence[int], top_k: int) -> list[dict[int, float]]:
    """At each place but the first, the ``top_k`` likeliest tokens and the prompt's own: token id → log-probability."""
    import torch

    require_known_ids(model, ids)
    places: list[dict[int, float]] = []
    with torch.inference_mode():
        tokens = torch.tensor(list(ids), device=model.device)
        logits = model(input_ids=tokens[None, :-1], use_cache=False).logits[0]  # (T - 1, vocabulary)
        for first in range(0, len(logits), CHUNK_TOKENS):
            logprobs = logits[first : first + CHUNK_TOKENS].float().log_softmax(-1)
            best = logprobs.topk(min(top_k, logprobs.shape[-1]))
            targets = tokens[first + 1 : first + 1 + len(logprobs), None]
            own = logprobs.gather(1, targets)
            chosen_ids = torch.cat([targets, best.indices], 1).tolist()
            chosen = torch.cat([own, best.values], 1).tolist()
            places.extend(dict(zip(row, values, strict=True)) for row, values in zip(chosen_ids, chosen, strict=True))
    return places


class Scorer(Closing):
    """A checkpoint in this process that scores replies; a context manager that releases the weights."""

    def __init__(self, config: LocalConfig) -> None:
        """Raises what ``load_checkpoint`` raises."""
        from understudy.models.loading import load_checkpoint

        checkpoint = load_checkpoint(config)
        self._model: PreTrainedModel | None = checkpoint.model
        self.renderer = Renderer(checkpoint.tokenizer)

    def n_tokens(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = ()) -> int:
        """Tokens of the conversation. If it ends with an assistant message, this is included without its end-of-turn
        token.
        """
        ends_with_reply = bool(messages) and messages[-1].role is Role.ASSISTANT
        if ends_with_reply and messages[-1].tool_calls:
            calls = TrainSpan(message_index=len(messages) - 1, start=0, end=0, part=SpanPart.CALLS)
            (rendered,) = self.renderer.training_sequences(messages, (calls,), tools)
            return len(rendered.ids) - len(self.renderer.end_of_turn_ids)
        return len(self.renderer.prompt_ids(messages, continue_final=ends_with_reply, tools=tools))

    def mean_nll(self, example: Example) -> float:
        """Mean negative log-likelihood of the trained tokens, in nats, weighted as in training."""
        total = weight = 0.0
        for rendered in self.renderer.training_sequences(example.messages, example.spans, example.tools):
            start = rendered.turns[0].start
            scored = self.score(rendered.ids, start)
            for logprob, token_weight in zip(scored.logprobs, rendered.weights[start:], strict=True):
                total -= token_weight * logprob
                weight += token_weight
        return total / weight

    def score(self, ids: Sequence[int], start: int) -> Scored:
        """See the function of this name."""
        if self._model is None:
            raise ValueError("the scorer is closed")
        return score(self._model, ids, start)

    def close(self) -> None:
        """Release the weights. Closing twice is allowed."""
        self._model = None
