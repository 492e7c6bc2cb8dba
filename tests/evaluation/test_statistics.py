"""Hand-computed cases, and simulation: intervals that promise 95 % hold the truth 93 to 97 times in 100."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.evaluation.statistics import (
    clustered_wilson,
    mcnemar,
    paired_bootstrap,
    pass_at_k,
    stratified_bootstrap,
    wilson,
)
from understudy.records import Interval


@pytest.mark.parametrize(
    ("n_correct", "n", "low", "high"),
    [
        # Newcombe 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_by_the_book(n_correct: int, n: int, low: float, high: float) -> None:
    found = wilson(n_correct, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_symmetric_and_holds_the_share(case: tuple[int, int]) -> None:
    n_correct, n = case
    here, there = wilson(n_correct, n), wilson(n - n_correct, n)
    assert 0 <= here.low <= n_correct / n <= here.high <= 1
    assert here.low == pytest.approx(1 - there.high, abs=1e-12)


def test_wilson_of_nothing_knows_nothing() -> None:
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    with pytest.raises(ValueError, match="n_correct=3, n=2"):
        wilson(3, 2)


def test_clusters_of_one_are_plain_wilson() -> None:
    assert clustered_wilson([[True], [False], [True]]) == wilson(2, 3)
    assert clustered_wilson([]) == clustered_wilson([[], []]) == wilson(0, 0)


def test_copies_of_an_attempt_tell_nothing_new() -> None:
    once = clustered_wilson([[n < 30] for n in range(100)])
    copied = clustered_wilson([[n < 30] * 8 for n in range(100)])
    assert copied.low == pytest.approx(once.low, abs=2e-3)
    assert copied.high == pytest.approx(once.high, abs=2e-3)
    assert clustered_wilson([[True] * 8] * 100) == wilson(100, 100)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024), (9, 1, 22 / 1024), (6, 16, 0.0524783), (2, 8, 112 / 1024)],
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(p, rel=1e-5)


def test_mcnemar_of_many() -> None:
    assert mcnemar(2_000, 2_000) == 1.0
    assert 0 < mcnemar(1_400, 1_600) < 0.001
    assert mcnemar(0, 3_000) == pytest.approx(0.0, abs=1e-300)


@given(st.integers(0, 600), st.integers(0, 600))
def test_mcnemar_is_exact(first: int, second: int) -> None:
    n = first + second
    tail = sum(comb(n, k) for k in range(min(first, second) + 1))
    assert mcnemar(first, second) == min(1.0, 2 * tail / 2**n)


def test_mcnemar_of_huge_counts_is_exact_and_quick() -> None:
    n, term, tail = 80_500, 1, 0
    for k in range(40_000 + 1):
        tail += term
        term = term * (n - k) // (k + 1)
    started_s = time.process_time()
    assert mcnemar(40_000, 40_500) == 2 * tail / 2**n
    assert mcnemar(4_000, 4_080) == pytest.approx(0.379, abs=5e-4)
    assert mcnemar(10**9, 10**9 + 100_000) == pytest.approx(
        2 * NormalDist().cdf(-99_999 / math.sqrt(2e9 + 1e5)), rel=1e-4
    )
    assert mcnemar(0, 10**7) == 0.0
    assert mcnemar(np.int64(40_000), np.int32(40_500)) == 2 * tail / 2**n, "counts of numpy have 64 bits"
    assert time.process_time() - started_s < 5
    with pytest.raises(ValueError, match="got -1 and 3"):
        mcnemar(-1, 3)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_counts_draws(case: tuple[int, int, int]) -> None:
    n, n_correct, k = case
    draws = list(combinations([i < n_correct for i in range(n)], k))
    assert pass_at_k(n, n_correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))
    assert len(draws) == comb(n, k)


def test_pass_at_k_refuses_more_than_there_are() -> None:
    with pytest.raises(ValueError, match="k=3"):
        pass_at_k(2, 1, 3)


def test_bootstrap_is_the_same_for_the_same_seed() -> None:
    differences = [1.0] * 20 + [-1.0] * 10 + [0.0] * 70
    assert paired_bootstrap(differences, seed=1) == paired_bootstrap(differences, seed=1)
    found = paired_bootstrap(differences)
    # Normal approximation by hand: 0.1 ± 1.96 * sqrt((0.3 - 0.01) / 99).
    assert found.low == pytest.approx(0.1 - 0.106, abs=0.012)
    assert found.high == pytest.approx(0.1 + 0.106, abs=0.012)


def test_bootstrap_of_equal_systems_is_a_point_and_of_none_an_error() -> None:
    found = paired_bootstrap([0.0] * 10)
    assert (found.low, found.high) == (0.0, 0.0)
    with pytest.raises(ValueError, match="at least one task"):
        paired_bootstrap([])
    with pytest.raises(ValueError, match="at least one task"):
        stratified_bootstrap([[1.0], []])


def coverage(truth: float, draw: Callable[[np.random.Generator], Interval], n_runs: int = 1_000) -> float:
    generator = np.random.default_rng(7)
    intervals = [draw(generator) for _ in range(n_runs)]
    return float(np.mean([i.low - 1e-12 <= truth <= i.high + 1e-12 for i in intervals]))


@pytest.mark.parametrize(("n", "share"), [(125, 0.3), (500, 0.2), (90, 0.1), (500, 0.5)])
def test_wilson_covers(n: int, share: float) -> None:
    assert 0.93 <= coverage(share, lambda g: wilson(int(g.binomial(n, share)), n), 4_000) <= 0.97


@pytest.mark.parametrize(
    ("n_tasks", "n_attempts", "a", "b"), [(100, 4, 0.5, 1.0), (200, 4, 5, 5), (100, 4, 1000, 1000), (500, 2, 0.2, 0.4)]
)
def test_clustered_wilson_covers(n_tasks: int, n_attempts: int, a: float, b: float) -> None:
    """Tasks of beta-distributed difficulty, from nearly all-or-nothing to all alike."""

    def draw(generator: np.random.Generator) -> Interval:
        return clustered_wilson(_attempts(generator, generator.beta(a, b, n_tasks), n_attempts))

    assert 0.93 <= coverage(a / (a + b), draw) <= 0.97


def test_plain_wilson_over_repeated_attempts_would_not_cover() -> None:
    """Why attempts are clustered: counted as independent they promise 95 % and keep far less."""

    def draw(generator: np.random.Generator) -> Interval:
        clusters = _attempts(generator, generator.beta(0.5, 1, 100), 8)
        return wilson(sum(map(sum, clusters)), 800)

    assert coverage(1 / 3, draw) < 0.8


@pytest.mark.parametrize(
    ("n_tasks", "n_attempts", "gain"), [(50, 1, 0.1), (125, 1, 0.05), (500, 1, 0.0), (100, 4, 0.1)]
)
def test_paired_bootstrap_covers(n_tasks: int, n_attempts: int, gain: float) -> None:
    def draw(generator: np.random.Generator) -> Interval:
        return paired_bootstrap(
            _differences(generator, n_tasks, n_attempts, gain), seed=_seed(generator), n_resamples=500
        )

    assert 0.93 <= coverage(gain, draw) <= 0.97


def test_stratified_bootstrap_covers() -> None:
    gains = {500: 0.1, 90: 0.0, 125: 0.05}

    def draw(generator: np.random.Generator) -> Interval:
        strata = [_differences(generator, n, 1, gain) for n, gain in gains.items()]
        return stratified_bootstrap(strata, seed=_seed(generator), n_resamples=500)

    assert 0.93 <= coverage(0.05, draw) <= 0.97


def test_mcnemar_calls_few_equal_systems_different() -> None:
    generator = np.random.default_rng(7)
    rejected = 0
    for _ in range(1_000):
        difficulty = generator.beta(0.5, 0.5, 100)
        first, second = (generator.random(100) < difficulty for _ in range(2))
        rejected += mcnemar(int((first & ~second).sum()), int((second & ~first).sum())) < 0.05
    assert 0.005 <= rejected / 1_000 <= 0.05


def _attempts(generator: np.random.Generator, difficulty: np.ndarray, n_attempts: int) -> list[list[bool]]:
    verdicts = generator.random((len(difficulty), n_attempts)) < difficulty[:, None]
    return [list(map(bool, row)) for row in verdicts]


def _differences(generator: np.random.Generator, n_tasks: int, n_attempts: int, gain: float) -> Sequence[float]:
    difficulty = generator.beta(0.5, 0.8, n_tasks) * (1 - gain)
    better, worse = (np.array(_attempts(generator, d, n_attempts)) for d in (difficulty + gain, difficulty))
    return list(map(float, better.mean(axis=1) - worse.mean(axis=1)))


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))
