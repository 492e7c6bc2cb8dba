"""The vote: what it goes by, what a tie does, when it can no longer change."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from understudy.agents.self_consistency import Ballot, elect, next_portion, outcome_of
from understudy.records import ExecutionStatus
from understudy.sandbox import Execution

OUTCOMES = st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=9)


def ballots(outcomes: list[str | None], logprobs: list[float] | None = None) -> list[Ballot]:
    return [Ballot(each, None if logprobs is None else logprobs[n]) for n, each in enumerate(outcomes)]


@given(OUTCOMES, st.integers(0, 9))
def test_the_winner_is_of_a_largest_group_and_failed_ones_have_no_vote(outcomes: list[str | None], seed: int) -> None:
    election = elect(ballots(outcomes), seed)
    counts = Counter(each for each in outcomes if each is not None)
    winner = outcomes[election.winner]
    if counts:
        assert winner is not None
        assert counts[winner] == max(counts.values())
        assert outcomes.index(winner) == election.winner
    assert [group is None for group in election.groups] == [each is None for each in outcomes]
    assert election == elect(ballots(outcomes), seed)


def test_final_answers_1_2_2_2_elect_2() -> None:
    """The released code voted on printed text only, of which there is none here, and elected 1."""
    executions = [Execution(ExecutionStatus.OK, is_final=True, final_answer=each) for each in "1222"]
    election = elect([Ballot(outcome_of(each)) for each in executions], seed=0)
    assert executions[election.winner].final_answer == "2"


def test_whatever_a_step_yields_makes_a_difference() -> None:
    ok = ExecutionStatus.OK
    different = [
        Execution(ok),
        Execution(ok, printed="1"),
        Execution(ok, value="1"),
        Execution(ok, is_final=True, final_answer="1"),
        Execution(ok, printed="1", value="1"),
        Execution(ok, printed="A"),
        Execution(ok, printed="a"),
    ]
    assert len({outcome_of(each) for each in different}) == len(different)


def test_addresses_of_objects_make_no_difference() -> None:
    ok = ExecutionStatus.OK
    one, two = (f"<generator object <genexpr> at 0x7f70b0bc{end}>" for end in ("b510", "c210"))
    assert outcome_of(Execution(ok, value=one)) == outcome_of(Execution(ok, value=two))
    assert outcome_of(Execution(ok, printed="starts at 0x7f70b0bcb510")) != outcome_of(
        Execution(ok, printed="starts at 0x7f70b0bcc210")
    ), "a number that the code printed"


def test_white_space_makes_no_difference() -> None:
    assert outcome_of(Execution(ExecutionStatus.OK, printed="a  b\n")) == outcome_of(
        Execution(ExecutionStatus.OK, printed=" a\nb")
    )


def test_only_ok_has_a_vote() -> None:
    for status in ExecutionStatus:
        assert (outcome_of(Execution(status, printed="1")) is not None) == (status is ExecutionStatus.OK)


def test_a_tie_goes_to_the_more_probable_else_to_the_first() -> None:
    assert elect(ballots(["a", "b", "b", "a"], [-2.0, -1.0, -9.0, -0.1]), 0).winner == 1
    assert elect(ballots(["a", "b"], [-1.0, -1.0]), 0).winner == 0
    assert elect(ballots(["a", "b"]), 0).winner == 0
    assert elect([Ballot("a", None), Ballot("b", -1.0)], 0).winner == 0


def test_where_all_failed_the_seed_decides() -> None:
    winners = [elect(ballots([None] * 8), seed).winner for seed in range(50)]
    assert len(set(winners)) == 8
    assert winners == [elect(ballots([None] * 8), seed).winner for seed in range(50)]


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=8, max_size=8))
def test_asking_in_portions_keeps_the_same_candidate(outcomes: list[str | None]) -> None:
    asked = 0
    while portion := next_portion(ballots(outcomes[:asked]), 8):
        asked += portion
    assert asked <= 8
    if any(each is not None for each in outcomes):
        assert elect(ballots(outcomes[:asked]), 0).winner == elect(ballots(outcomes), 0).winner


def test_the_vote_stops_only_when_nothing_can_change() -> None:
    for n in range(1, 7):
        for outcomes in itertools.product("ab", repeat=n):
            seen = ballots(list(outcomes))
            if next_portion(seen, 6) == 0 and n < 6:
                first = elect(seen, 0).winner
                for rest in itertools.product("abc", repeat=6 - n):
                    assert elect(ballots([*outcomes, *rest]), 0).winner == first


def test_portions_of_a_unanimous_vote() -> None:
    assert next_portion([], 8) == 5
    assert next_portion(ballots(["a"] * 5), 8) == 0
    assert next_portion(ballots(["a"] * 4 + ["b"]), 8) == 1
    assert next_portion([], 1) == 1
