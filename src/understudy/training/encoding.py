"""From examples to sequences of ready ids and weights.

In: examples and the renderer that acting uses. Out: ``Sequence`` values no longer than allowed, and counts of
everything on the way. What is trained is decided here and nowhere later: layout and trainer only carry weights along.
Not here: where spans come from (``understudy.curation``), rows and padding (``layout``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.models.rendering import Rendered, Renderer
from understudy.records import Example, Record
from understudy.training.config import OverLong


class NothingToTrainError(ValueError):
    """No example has a trained token within the allowed length."""


class TokenCounts(Record):
    """What a set of sequences is made of."""

    n_examples: int = 0
    n_sequences: int = 0
    """More than examples where a chat template rewrites history and an example is split by turn."""
    n_tokens: int = 0
    n_trained: int = 0
    """Tokens with a weight above 0: words of the assistant, end-of-turn tokens included."""
    n_over_long: int = 0
    """Sequences of more than ``max_length`` tokens."""
    n_cut: int = 0
    """Of these, those that were kept in part, cut at a step's end."""
    longest: int = 0


@dataclass(frozen=True, slots=True)
class TrainSequence:
    """Ids of one sequence, with the weight of each as a target."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    examples: Iterable[Example], renderer: Renderer, max_length: int, over_long: OverLong
) -> tuple[list[TrainSequence], TokenCounts]:
    """Render all examples. Raises ``NothingToTrainError`` where nothing is left."""
    sequences: list[TrainSequence] = []
    n_examples = n_over_long = n_cut = 0
    for example in examples:
        n_examples += 1
        for rendered in renderer.training_sequences(example.messages, example.spans):
            kept = rendered if len(rendered.ids) <= max_length else None
            if kept is None:
                n_over_long += 1
                kept = _cut(rendered, max_length) if over_long is OverLong.CUT_AT_STEP else None
                n_cut += kept is not None
            if kept is not None and kept.n_trained:
                sequences.append(TrainSequence(kept.ids, kept.weights))
    if not sequences:
        raise NothingToTrainError(
            f"expected a trained token in at least one of {n_examples} examples, found none: "
            f"{n_over_long} sequences are longer than max_length={max_length}"
        )
    return sequences, TokenCounts(
        n_examples=n_examples,
        n_sequences=len(sequences),
        n_tokens=sum(map(len, sequences)),
        n_trained=sum(weight > 0 for sequence in sequences for weight in sequence.weights),
        n_over_long=n_over_long,
        n_cut=n_cut,
        longest=max(map(len, sequences)),
    )


def _cut(rendered: Rendered, max_length: int) -> Rendered | None:
    """The steps that fit whole; None where not even the first one does."""
    fitting = [turn for turn in rendered.turns if turn.end <= max_length]
    if not fitting:
        return None
    end = fitting[-1].end
    return Rendered(ids=rendered.ids[:end], weights=rendered.weights[:end], turns=tuple(fitting))
