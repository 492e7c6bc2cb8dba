"""From preference pairs to token ids, and to passes through the model.

In: pairs, the renderer that acting uses too. Out: two sequences a pair, weighted on the reply alone, and ``PairPass``
values whose rows are the chosen replies, then the rejected ones. Not here: the loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.models.rendering import Renderer
from understudy.records import FunctionCall, Message, PreferencePair, Role, SpanPart, TrainSpan
from understudy.training.encoding import ModelLimits, NothingToTrainError, TokenCounts, TrainSequence
from understudy.training.layout import RowPass, lay_out

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Both replies of a pair, each after the messages."""

    id: str
    chosen: TrainSequence
    rejected: TrainSequence

    def __len__(self) -> int:
        """Tokens of both."""
        return len(self.chosen) + len(self.rejected)


@dataclass(frozen=True, slots=True)
class PairPass:
    """One pass through the model: P pairs."""

    rows: RowPass  # 2 P rows
    pair_weights: torch.Tensor  # (P,) float32; 0 if a device only takes part in what all must do
    reference: torch.Tensor  # (P, 2) float32, the reference's log-probabilities of the chosen and rejected replies

    @property
    def n_tokens(self) -> int:
        """Padding included."""
        return self.rows.n_tokens


def encode_pairs(
    pairs: Iterable[PreferencePair], renderer: Renderer, max_length: int, limits: ModelLimits
) -> tuple[list[EncodedPair], TokenCounts]:
    """Render all pairs; a pair of which a sequence is too long is dropped and counted.

    Raises ``NothingToTrainError`` if none is left, ``VocabularyError``, ``RenderingError`` for an empty reply.
    """
    encoded: list[EncodedPair] = []
    n_pairs = n_over_window = 0
    for pair in pairs:
        n_pairs += 1
        chosen = _reply(pair, pair.chosen, pair.chosen_calls, renderer, is_whole=True)
        rejected = _reply(pair, pair.rejected, pair.rejected_calls, renderer, is_whole=pair.rejected_is_whole)
        limits.check_ids((*chosen.ids, *rejected.ids), renderer, pair.id)
        longest = max(len(chosen), len(rejected))
        if longest <= limits.longest(max_length):
            encoded.append(EncodedPair(pair.id, chosen, rejected))
        else:
            n_over_window += longest <= max_length
    if not encoded:
        raise NothingToTrainError(
            f"expected a pair of at most {limits.longest(max_length)} tokens a reply, found none among {n_pairs} pairs"
        )
    sequences = [sequence for pair in encoded for sequence in (pair.chosen, pair.rejected)]
    return encoded, TokenCounts(
        n_examples=n_pairs,
        n_sequences=len(sequences),
        n_tokens=sum(map(len, sequences)),
        n_trained=sum(map(n_trained, sequences)),
        n_over_long=n_pairs - len(encoded),
        n_over_window=n_over_window,
        longest=max(map(len, sequences)),
    )


def n_trained(sequence: TrainSequence) -> int:
    """Tokens that have a weight."""
    return sum(weight > 0 for weight in sequence.weights)


def passes_of_pairs(
    pairs: Sequence[EncodedPair],
    reference: Sequence[tuple[float, float]],
    *,
    tokens_per_pass: int | None,
    pad_id: int,
    weight: float = 1.0,
) -> list[PairPass]:
    """Lay out the pairs of a step, a row each reply. ``reference``: as many as there are pairs."""
    import torch

    by_length = sorted(zip(pairs, reference, strict=True), key=lambda pair: _width(pair[0]), reverse=True)
    passes = []
    while by_length:
        width = _width(by_length[0][0])
        n_pairs = max(1, (tokens_per_pass or len(by_length) * 2 * width) // (2 * width))
        together, by_length = by_length[:n_pairs], by_length[n_pairs:]
        rows = [[pair.chosen] for pair, _ in together] + [[pair.rejected] for pair, _ in together]
        passes.append(
            PairPass(
                lay_out(rows, width, pad_id),
                torch.full((len(together),), weight),
                torch.tensor([logprobs for _, logprobs in together]),
            )
        )
    return passes


def _width(pair: EncodedPair) -> int:
    return max(len(pair.chosen), len(pair.rejected))


def _reply(
    pair: PreferencePair, reply: str, calls: tuple[FunctionCall, ...], renderer: Renderer, *, is_whole: bool
) -> TrainSequence:
    index = len(pair.messages)
    messages = (*pair.messages, Message(role=Role.ASSISTANT, content=reply, tool_calls=calls))
    spans = []
    if len(reply) > pair.prefilled_chars:
        spans.append(TrainSpan(message_index=index, start=pair.prefilled_chars, end=len(reply)))
    if calls:
        spans.append(TrainSpan(message_index=index, start=0, end=0, part=SpanPart.CALLS))
    rendered = renderer.training_ids(messages, spans, pair.tools)
    n_end = 0 if is_whole else len(renderer.end_of_turn_ids)
    kept = len(rendered.ids) - n_end
    return TrainSequence(rendered.ids[:kept], rendered.weights[:kept], pair.id)
