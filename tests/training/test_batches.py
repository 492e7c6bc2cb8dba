"""Steps: every sequence once an epoch, the same order for the same seed."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from understudy.training import TrainConfig
from understudy.training.batches import batch_indices

LENGTHS = st.lists(st.integers(1, 99), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 9), st.integers(1, 3), st.booleans())
def test_every_sequence_is_seen_once_an_epoch(lengths: list[int], batch_size: int, epochs: int, grouped: bool) -> None:
    config = TrainConfig(batch_size=batch_size, epochs=epochs)
    steps = batch_indices(lengths, config, group_by_length=grouped)
    an_epoch = math.ceil(len(lengths) / batch_size)
    assert len(steps) == an_epoch * epochs
    for epoch in range(epochs):
        seen = [index for step in steps[epoch * an_epoch : (epoch + 1) * an_epoch] for index in step]
        assert sorted(seen) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 99))
def test_max_steps_is_met_exactly_and_a_longer_training_begins_the_same(lengths: list[int], max_steps: int) -> None:
    short = batch_indices(lengths, TrainConfig(epochs=None, max_steps=max_steps))
    longer = batch_indices(lengths, TrainConfig(epochs=None, max_steps=max_steps + 5))
    assert len(short) == max_steps
    assert longer[:max_steps] == short


def test_another_seed_gives_another_order() -> None:
    lengths = list(range(1, 65))
    assert batch_indices(lengths, TrainConfig(seed=1)) != batch_indices(lengths, TrainConfig(seed=2))


def test_batches_grouped_by_length_hold_less_padding() -> None:
    lengths = [1 + 37 * number % 100 for number in range(400)]
    grouped, mixed = (batch_indices(lengths, TrainConfig(), group_by_length=group) for group in (True, False))
    assert _padding(grouped, lengths) < _padding(mixed, lengths) / 5


def _padding(steps: list[list[int]], lengths: list[int]) -> int:
    return sum(max(lengths[i] for i in step) * len(step) - sum(lengths[i] for i in step) for step in steps)
