"""From examples to sequences of token ids and weights.

In: examples, the renderer that acting uses too, the limits of the model. Out: ``TrainSequence`` values no longer than
allowed, and counts of everything on the way. Only this module decides what is trained: layout and trainer pass the
weights on. Not here: where spans come from (``understudy.curation``), rows and padding (``layout``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from understudy.models.rendering import Rendered, Renderer
from understudy.records import Example, Record
from understudy.training.config import OverLong


class NothingToTrainError(ValueError):
    """No example has a trained token within the allowed length."""


class VocabularyError(ValueError):
    """The tokenizer gives ids that the model has no embedding for."""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Limits of a model, from its config."""

    window: int | None = None
    """Most tokens of a sequence; None: not limited."""
    n_embeddings: int | None = None
    """Ids from 0 to this number, itself not included; None: not known."""

    def longest(self, max_length: int) -> int:
        """Most tokens of a sequence that settings and model allow."""
        return min(max_length, self.window or max_length)

    def check_ids(self, ids: Iterable[int], renderer: Renderer, example_id: str) -> None:
        """Raise ``VocabularyError`` if an id has no embedding."""
        highest = max(ids, default=0)
        if self.n_embeddings is not None and highest >= self.n_embeddings:
            token = renderer.tokenizer.convert_ids_to_tokens(highest)
            raise VocabularyError(
                f"example {example_id}: token {token!r} has the id {highest}, but the model's embedding ends at "
                f"{self.n_embeddings - 1}: tokenizer and model do not belong together, or the embedding was not "
                "resized after tokens were added"
            )


UNLIMITED = ModelLimits()


class TokenCounts(Record):
    """Counts of a set of sequences."""

    n_examples: int = 0
    n_sequences: int = 0
    """More than examples if a chat template rewrites history and an example is split by turn."""
    n_tokens: int = 0
    n_trained: int = 0
    """Tokens with a weight above 0: words of the assistant, end-of-turn tokens included."""
    n_over_long: int = 0
    """Sequences of more tokens than ``max_length`` or the model's window allows."""
    n_over_window: int = 0
    """Of these, those that ``max_length`` allows and the model's window does not."""
    n_cut: int = 0
    """Of the over-long ones, those that were kept in part, cut at a step's end."""
    longest: int = 0


@dataclass(frozen=True, slots=True)
class TrainSequence:
    """Ids of one sequence, with the weight of each as a target."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    example_id: str = ""

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    examples: Iterable[Example],
    renderer: Renderer,
    max_length: int,
    over_long: OverLong,
    limits: ModelLimits = UNLIMITED,
) -> tuple[list[TrainSequence], TokenCounts]:
    """Render all examples.

    Raises ``NothingToTrainError`` if nothing is left, ``VocabularyError`` for ids that the model does not have.
    """
    sequences: list[TrainSequence] = []
    n_examples = n_over_long = n_over_window = n_cut = 0
    longest = limits.longest(max_length)
    for example in examples:
        n_examples += 1
        for rendered in renderer.training_sequences(example.messages, example.spans, example.tools):
            limits.check_ids(rendered.ids, renderer, example.id)
            kept = rendered if len(rendered.ids) <= longest else None
            if kept is None:
                n_over_long += 1
                n_over_window += len(rendered.ids) <= max_length
                kept = _cut(rendered, longest) if over_long is OverLong.CUT_AT_STEP else None
                n_cut += kept is not None
            if kept is not None and kept.n_trained:
                sequences.append(TrainSequence(kept.ids, kept.weights, example.id))
    if not sequences:
        window = f" and {n_over_window} than the model's window of {limits.window}" if n_over_window else ""
        raise NothingToTrainError(
            f"expected a trained token in at least one of {n_examples} examples, found none: "
            f"{n_over_long - n_over_window} sequences are longer than max_length={max_length}{window}"
        )
    return sequences, TokenCounts(
        n_examples=n_examples,
        n_sequences=len(sequences),
        n_tokens=sum(map(len, sequences)),
        n_trained=sum(weight > 0 for sequence in sequences for weight in sequence.weights),
        n_over_long=n_over_long,
        n_over_window=n_over_window,
        n_cut=n_cut,
        longest=max(map(len, sequences)),
    )


def _cut(rendered: Rendered, max_length: int) -> Rendered | None:
    """The steps that fit completely; None if not even the first one fits."""
    fitting = [turn for turn in rendered.turns if turn.end <= max_length]
    if not fitting:
        return None
    end = fitting[-1].end
    return Rendered(ids=rendered.ids[:end], weights=rendered.weights[:end], turns=tuple(fitting))
