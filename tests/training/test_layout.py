"""Rows: each token of each sequence once, in order, with its own target and weight."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from understudy.training.encoding import TrainSequence
from understudy.training.layout import RowPass, arrange, passes_of

PAD = 0


@st.composite
def _sequences(draw: st.DrawFn) -> list[TrainSequence]:
    lengths = draw(st.lists(st.integers(2, 12), min_size=1, max_size=9))
    sequences = []
    for number, length in enumerate(lengths):
        ids = tuple(100 * (number + 1) + place for place in range(length))
        weights = draw(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=length, max_size=length))
        sequences.append(TrainSequence(ids, tuple(weights)))
    return sequences


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(50, 120))
def test_each_sequence_is_in_one_row_that_has_room(lengths: list[int], capacity: int) -> None:
    rows = arrange(lengths, capacity)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= capacity for row in rows)


@given(_sequences(), st.booleans(), st.sampled_from([None, 1, 20, 60]), st.booleans())
def test_every_token_is_there_once_with_its_target_and_weight(
    sequences: list[TrainSequence], packing: bool, tokens_per_pass: int | None, one_row: bool
) -> None:
    passes = passes_of(sequences, packing=packing, tokens_per_pass=tokens_per_pass, pad_id=PAD, one_row=one_row)
    expected = {
        (token, target, weight)
        for s in sequences
        for token, target, weight in zip(s.ids, (*s.ids[1:], PAD), (*s.weights[1:], 0.0), strict=True)
    }
    found = [entry for one in passes for entry in _entries(one)]
    assert len(found) == len(expected)
    assert set(found) == expected


@given(_sequences(), st.booleans())
def test_positions_restart_with_each_sequence_and_nowhere_else(sequences: list[TrainSequence], packing: bool) -> None:
    passes = passes_of(sequences, packing=packing, tokens_per_pass=None, pad_id=PAD)
    at_zero = [token for one in passes for token, place in _pairs(one) if place == 0]
    assert sorted(at_zero) == sorted(sequence.ids[0] for sequence in sequences)
    for one in passes:
        for row in one.position_ids.tolist():
            assert all(place in (0, before + 1) for before, place in pairwise(row))


@given(_sequences(), st.integers(12, 80))
def test_a_pass_holds_no_more_tokens_than_it_may_unless_one_row_does(
    sequences: list[TrainSequence], tokens_per_pass: int
) -> None:
    for one in passes_of(sequences, packing=True, tokens_per_pass=tokens_per_pass, pad_id=PAD):
        assert one.input_ids.numel() <= tokens_per_pass or len(one.input_ids) == 1


def _entries(one: RowPass) -> list[tuple[int, int, float]]:
    flat = zip(
        one.input_ids.flatten().tolist(), one.targets.flatten().tolist(), one.weights.flatten().tolist(), strict=True
    )
    return [entry for entry in flat if entry[0] != PAD]


def _pairs(one: RowPass) -> list[tuple[int, int]]:
    return list(zip(one.input_ids.flatten().tolist(), one.position_ids.flatten().tolist(), strict=True))
