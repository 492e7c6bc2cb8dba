"""Pairs of similar token sets without comparing all with all: MinHash signatures in bands (Broder; Indyk and Motwani).

In: token sets. Out: pairs of indices whose Jaccard similarity may reach a threshold; the caller computes it. Not here:
what tokens are.

How many bands there are follows from the threshold: a pair that reaches it is missed once in 100,000 times at most.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

ROWS = 5
"""Hashes a band: more of them, fewer false candidates and more bands."""
MISS_RATE = 1e-5
SEED = 20250523


def similar_pairs(
    left: Sequence[Collection[str]], right: Sequence[Collection[str]], threshold: float
) -> Iterator[tuple[int, int]]:
    """Yield (index in left, index in right) of candidates, each pair once."""
    n_bands = math.ceil(math.log(MISS_RATE) / math.log(1 - min(threshold, 0.99) ** ROWS))
    left_bands, right_bands = _band_keys(left, n_bands), _band_keys(right, n_bands)
    seen: set[tuple[int, int]] = set()
    for band in range(n_bands):
        buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for index, keys in enumerate(right_bands):
            buckets[keys[band].tobytes()].append(index)
        for index, keys in enumerate(left_bands):
            for other in buckets.get(keys[band].tobytes(), ()):
                if (index, other) not in seen:
                    seen.add((index, other))
                    yield index, other


def _band_keys(documents: Sequence[Collection[str]], n_bands: int) -> list[Hashes]:
    """For each document an array (n_bands, ROWS) of signature values."""
    generator = np.random.default_rng(SEED)
    size = n_bands * ROWS
    factors = generator.integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)  # (size,)
    offsets = generator.integers(0, 2**63, size, dtype=np.uint64)
    return [_signature(tokens, factors, offsets).reshape(n_bands, ROWS) for tokens in documents]


def _signature(tokens: Collection[str], factors: Hashes, offsets: Hashes) -> Hashes:
    """The least value of each hash function over the tokens; wrapping multiplication is meant."""
    hashes = np.array([_token_hash(token) for token in tokens] or [0], dtype=np.uint64)[:, None]  # (tokens, 1)
    mixed = hashes * factors + offsets  # (tokens, size)
    least: Hashes = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
    return least


@lru_cache(maxsize=1_000_000)
def _token_hash(token: str) -> int:
    """Sixty-four bits that are the same in every process, as ``hash`` is not."""
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "little")
