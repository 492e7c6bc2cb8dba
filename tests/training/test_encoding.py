"""Sequences: exactly the model's words are trained, and what is too long is counted and never cut in mid-step."""

from __future__ import annotations

import pytest

from tests.tiny_model import tiny_tokenizer
from tests.training.conversations import example
from understudy.models.rendering import Renderer
from understudy.records import Role
from understudy.training import NothingToTrainError, OverLong, encode


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(tiny_tokenizer())


def test_trained_tokens_decode_to_exactly_the_models_words(renderer: Renderer) -> None:
    examples = [example(number, 1 + number % 3) for number in range(6)]
    sequences, counts = encode(examples, renderer, 10_000, OverLong.DROP)
    for one, sequence in zip(examples, sequences, strict=True):
        trained = [token for token, weight in zip(sequence.ids, sequence.weights, strict=True) if weight > 0]
        words = [message.content for message in one.messages if message.role is Role.ASSISTANT]
        assert renderer.tokenizer.decode(trained) == "".join(f"{text}<|im_end|>" for text in words)
    assert counts.n_trained == sum(weight > 0 for sequence in sequences for weight in sequence.weights)
    assert counts.n_tokens == sum(map(len, sequences))


def test_over_long_sequences_are_dropped_and_counted(renderer: Renderer) -> None:
    examples = [example(1, 1), example(2, 3)]
    whole, _ = encode(examples, renderer, 10_000, OverLong.DROP)
    limit = len(whole[1]) - 1
    kept, counts = encode(examples, renderer, limit, OverLong.DROP)
    assert kept == whole[:1]
    assert (counts.n_examples, counts.n_sequences, counts.n_over_long, counts.n_cut) == (2, 1, 1, 0)


def test_over_long_sequences_are_cut_at_the_end_of_a_step(renderer: Renderer) -> None:
    three_steps = example(2, 3)
    (whole,), _ = encode([three_steps], renderer, 10_000, OverLong.DROP)
    end = renderer.end_of_turn_ids[-1]
    (first_step,), _ = encode(
        [three_steps.model_copy(update={"spans": three_steps.spans[:1]})], renderer, 10_000, OverLong.DROP
    )
    for limit in range(len(whole) - 1, len(first_step) - 1, -7):
        (cut,), counts = encode([three_steps], renderer, limit, OverLong.CUT_AT_STEP)
        assert len(cut) <= limit
        assert cut.ids == whole.ids[: len(cut)]
        assert cut.weights == whole.weights[: len(cut)]
        assert cut.ids[-1] == end
        assert cut.weights[-1] > 0
        assert counts.n_cut == counts.n_over_long == 1


def test_nothing_left_to_train_is_refused_with_the_figures(renderer: Renderer) -> None:
    with pytest.raises(NothingToTrainError, match=r"1 examples.*1 sequences are longer than max_length=5"):
        encode([example(1, 1)], renderer, 5, OverLong.CUT_AT_STEP)
