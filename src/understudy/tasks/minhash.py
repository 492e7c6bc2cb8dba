"""Pairs of similar sets without comparing all with all: MinHash signatures in bands (Broder; Indyk and Motwani).

In: token sets. Out: pairs of indices whose Jaccard similarity may reach a threshold; the caller computes it. ``Bands``
and ``token_hash`` serve other searches for similar sets too. Not here: what tokens are.

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
    bands = Bands(n_bands, ROWS)
    left_keys, right_keys = ([bands.keys(_hashes(tokens)) for tokens in side] for side in (left, right))
    seen: set[tuple[int, int]] = set()
    for band in range(n_bands):
        buckets: defaultdict[bytes, list[int]] = defaultdict(list)
        for index, keys in enumerate(right_keys):
            buckets[keys[band]].append(index)
        for index, keys in enumerate(left_keys):
            for other in buckets.get(keys[band], ()):
                if (index, other) not in seen:
                    seen.add((index, other))
                    yield index, other


class Bands:
    """Hash functions in bands. Two sets that are alike have the same key in some band."""

    def __init__(self, n_bands: int, n_rows: int) -> None:
        generator = np.random.default_rng(SEED)
        size = n_bands * n_rows
        self._factors = generator.integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)  # (size,)
        self._offsets = generator.integers(0, 2**63, size, dtype=np.uint64)
        self._n_bands = n_bands

    def keys(self, hashes: Hashes) -> list[bytes]:
        """A key for each band: the least value of each hash function over the set. ``hashes``: at least one."""
        mixed = hashes[:, None] * self._factors + self._offsets  # (set, size); wrapping multiplication is meant
        least: Hashes = (mixed ^ (mixed >> np.uint64(29))).min(axis=0)
        return [band.tobytes() for band in least.reshape(self._n_bands, -1)]


def _hashes(tokens: Collection[str]) -> Hashes:
    return np.array([token_hash(token) for token in tokens] or [0], dtype=np.uint64)


@lru_cache(maxsize=1_000_000)
def token_hash(token: str) -> int:
    """Sixty-four bits that are the same in every process, as ``hash`` is not."""
    return int.from_bytes(hashlib.blake2b(token.encode(errors="replace"), digest_size=8).digest(), "little")
