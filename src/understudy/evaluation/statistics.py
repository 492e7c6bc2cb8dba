"""Whether a difference is noise: intervals and paired tests, with numpy only.

In: counts, or per-task means (several attempts at one task are one cluster). Out: ``Interval`` records, p-values. Not
here: records of trajectories (``understudy.evaluation.metrics``), corrections for many comparisons. Everything is
deterministic: samples are drawn from a seed.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.records import Interval

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
N_RESAMPLES = 10_000
TERM_BITS = 1_200
"""A hundred bits more than the smallest positive float needs, so that p-values are exact down to it."""


def wilson(n_correct: float, n: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a proportion. ``n`` may be an effective size; for 0 the interval is [0, 1]."""
    if not 0 <= n_correct <= n:
        raise ValueError(f"expected 0 <= n_correct <= n, got n_correct={n_correct}, n={n}")
    if n == 0:
        return Interval(low=0.0, high=1.0, level=level)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share = n_correct / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
    return Interval(low=0.0 if n_correct == 0 else low, high=1.0 if n_correct == n else high, level=level)


def clustered_wilson(clusters: Sequence[Sequence[bool]], level: float = LEVEL) -> Interval:
    """Wilson's interval of a proportion with clustered trials: the attempts at one task are a cluster.

    Attempts at one task are correlated, so n of them carry less information than n tasks. The size is divided by the
    design effect, the variance between clusters over the variance that independent trials would have. With one
    attempt a task this is plain Wilson.
    """
    n = sum(map(len, clusters))
    n_correct = sum(map(sum, clusters))
    if n == 0:
        return wilson(0, 0, level)
    n_effective = n / _design_effect(clusters, n, n_correct)
    return wilson(n_correct / n * n_effective, n_effective, level)


def clustered_share(verdicts: Iterable[tuple[str, bool | None]]) -> tuple[int, int, Interval]:
    """The number of verdicts, the number of true ones, and the interval of their share.

    ``verdicts``: (cluster, verdict), such as the task of an attempt; None is not counted.
    """
    clusters: defaultdict[str, list[bool]] = defaultdict(list)
    for cluster, verdict in verdicts:
        if verdict is not None:
            clusters[cluster].append(verdict)
    interval = clustered_wilson(list(clusters.values()))
    return sum(map(len, clusters.values())), sum(map(sum, clusters.values())), interval


def _design_effect(clusters: Sequence[Sequence[bool]], n: int, n_correct: int) -> float:
    """At least 1, so that chance in a small sample does not narrow the interval; at most the mean cluster size."""
    largest = max(map(len, clusters), default=1)
    if largest == 1 or len(clusters) < 2:
        return float(largest)
    share = n_correct / n
    if share in (0.0, 1.0):
        # All attempts agree, so they may be copies of one another.
        return n / len(clusters)
    residuals = np.array([sum(c) - share * len(c) for c in clusters])
    between = len(clusters) / (len(clusters) - 1) * float(np.sum(residuals**2)) / n**2
    independent = share * (1 - share) / n
    return min(max(between / independent, 1.0), float(largest))


def mcnemar(n_only_first: int, n_only_second: int) -> float:
    """Two-sided p-value of the exact McNemar test: how probable is a split at least this uneven of the tasks that only
    one system solves, if both are equally good? Ties are not needed. 1.0 if there are only ties.
    """
    n_only_first, n_only_second = operator.index(n_only_first), operator.index(n_only_second)  # not numpy's, of 64 bits
    n = n_only_first + n_only_second
    if min(n_only_first, n_only_second) < 0:
        raise ValueError(f"expected counts, got {n_only_first} and {n_only_second}")
    # P(X <= smaller) for X ~ Binomial(n, 1/2), doubled. The terms C(n, k) are taken relative to the middle one, from
    # the middle outwards, as whole numbers with TERM_BITS bits behind the point: about 20 sqrt(n) of them are not zero.
    smaller, middle = min(n_only_first, n_only_second), n // 2
    term, tail, lower_half, k = 1 << TERM_BITS, 0, 0, middle
    while term:
        lower_half += term
        tail += term if k <= smaller else 0
        term = term * k // (n - k + 1)
        k -= 1
    total = 2 * lower_half - (0 if n % 2 else 1 << TERM_BITS)
    return min(1.0, 2 * tail / total)


def paired_bootstrap(
    differences: Sequence[float], *, seed: int = 0, level: float = LEVEL, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Interval of the mean of per-task differences, by resampling tasks (percentiles, widened for few tasks).

    ``differences``: for each task, the first system's mean over its attempts minus the second's. Resampling whole tasks
    keeps the attempts of one task together.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0:
        raise ValueError("expected at least one task in common, got none")
    means = _resampled_means(values, seed, n_resamples)
    return _widened_percentiles(float(values.mean()), means, values.size, level)


def stratified_bootstrap(
    strata: Sequence[Sequence[float]], *, seed: int = 0, level: float = LEVEL, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Interval of the unweighted mean of several task sets' means, tasks resampled within each set."""
    sets = [np.asarray(values, dtype=np.float64) for values in strata]
    if not sets or any(values.size == 0 for values in sets):
        raise ValueError("expected at least one task in each set")
    means = np.mean([_resampled_means(v, seed + i, n_resamples) for i, v in enumerate(sets)], axis=0)
    centre = float(np.mean([v.mean() for v in sets]))
    return _widened_percentiles(centre, means, min(v.size for v in sets), level)


def _resampled_means(values: Floats, seed: int, n_resamples: int) -> Floats:
    generator = np.random.default_rng(seed)
    # Sampling how often each distinct value occurs is equivalent to sampling tasks, and much cheaper.
    distinct, counts = np.unique(values, return_counts=True)
    drawn = generator.multinomial(values.size, counts / values.size, size=n_resamples)  # (resamples, distinct)
    means: Floats = drawn @ distinct / values.size
    return means


def _widened_percentiles(centre: float, means: Floats, n: int, level: float) -> Interval:
    """Percentiles, stretched around the centre by sqrt(n / (n - 1)), the factor by which resampling understates the
    spread.
    """
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    stretch = math.sqrt(n / (n - 1)) if n > 1 else 1.0
    low, high = centre + (float(low) - centre) * stretch, centre + (float(high) - centre) * stretch
    return Interval(low=max(-1.0, low), high=min(1.0, high), level=level)


def pass_at_k(n: int, n_correct: int, k: int) -> float:
    """Probability that k of n attempts, drawn without replacement, contain a correct one (Chen et al. 2021,
    unbiased).
    """
    if not (0 <= n_correct <= n and 1 <= k <= n):
        raise ValueError(f"expected 0 <= n_correct <= n and 1 <= k <= n, got n={n}, n_correct={n_correct}, k={k}")
    return 1.0 - math.comb(n - n_correct, k) / math.comb(n, k)


def auroc(values: Sequence[float], right: Sequence[bool]) -> float | None:
    """Probability that a right case has a higher value than a wrong one, ties counting half; None without both."""
    found = _aurocs(np.asarray(values, dtype=np.float64), np.asarray(right, dtype=np.bool_), np.ones((1, len(values))))
    return float(found[0]) if found.size else None


def auroc_interval(
    values: Sequence[float],
    right: Sequence[bool],
    clusters: Sequence[str],
    *,
    seed: int = 0,
    level: float = LEVEL,
    n_resamples: int = 2_000,
) -> Interval | None:
    """Interval of ``auroc`` by resampling clusters: the tasks, of which one may have several attempts.

    Resamples without a right or without a wrong case are left out. If the cases are perfectly separated, all resamples
    are too; the interval is then Newcombe's (2006, method 5), which Wilson's is for a proportion. None without both.
    """
    whole = auroc(values, right)
    if whole is None:
        return None
    _, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    n_clusters = int(cluster_of.max()) + 1
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples)
    found = _aurocs(np.asarray(values, dtype=np.float64), np.asarray(right, dtype=np.bool_), drawn[:, cluster_of])
    n_right = sum(right)
    if whole in (0.0, 1.0) or found.size < n_resamples // 2:
        return _newcombe(whole, n_right, len(right) - n_right, level)
    widened = _widened_percentiles(whole, found, min(n_right, len(right) - n_right), level)
    return widened.model_copy(update={"low": max(0.0, widened.low)})


def _aurocs(values: Floats, right: npt.NDArray[np.bool_], counts: npt.NDArray[Any]) -> Floats:
    """One for each row of ``counts`` (samples, cases), how often each case occurs; rows without both are left out."""
    if not values.size:
        return np.zeros(0)
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) > 0])
    here = counts[:, order].astype(np.float64)
    n_right = np.add.reduceat(here * right[order], starts, axis=1)  # (samples, distinct values)
    n_wrong = np.add.reduceat(here * ~right[order], starts, axis=1)
    below = np.cumsum(n_wrong, axis=1) - n_wrong / 2
    pairs = n_right.sum(axis=1) * n_wrong.sum(axis=1)
    has_both = pairs > 0
    found: Floats = (n_right * below).sum(axis=1)[has_both] / pairs[has_both]
    return found


def _newcombe(found: float, n_right: int, n_wrong: int, level: float) -> Interval:
    """The values whose own standard error would not exclude what was found."""
    z, extra = NormalDist().inv_cdf(0.5 + level / 2), (n_right + n_wrong) / 2 - 1

    def fits(value: float) -> bool:
        spread = 1 + extra * ((1 - value) / (2 - value) + value / (1 + value))
        return (found - value) ** 2 <= z * z * value * (1 - value) * spread / (n_right * n_wrong)

    grid = [number / 1000 for number in range(1001)]
    inside = [value for value in grid if fits(value)]
    return Interval(low=min([found, *inside]), high=max([found, *inside]), level=level)
