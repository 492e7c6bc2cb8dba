"""Pairs of similar sets without comparing all pairs: MinHash with locality-sensitive hashing (Broder 1997; Indyk and
Motwani 1998). In: texts as sets of hashed word sequences. Out: for each later one the earlier one that it repeats.
Candidates are verified by their exact Jaccard similarity. Deterministic.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
N_PERMUTATIONS = 128
SHINGLE_WORDS = 5
_MIX = np.uint64(0x9E3779B97F4A7C15)
_WORD = re.compile(r"\w+")


class Repeats:
    """Finds texts that repeat an earlier one."""

    def __init__(self, similarity: float) -> None:
        """``similarity``: Jaccard similarity in (0, 1] of the sets of five-word sequences."""
        self._similarity = similarity
        self._n_rows = rows_for(similarity)
        self._kept: list[tuple[str, Hashes]] = []
        self._buckets: dict[tuple[int, bytes], list[int]] = {}
        draw = np.random.default_rng(20260101)
        self._factors = draw.integers(0, 2**63, N_PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._offsets = draw.integers(0, 2**63, N_PERMUTATIONS, dtype=np.uint64)

    def earlier(self, name: str, text: str) -> tuple[str, float] | None:
        """Name and similarity of the most similar earlier text; None if there is none, and then this text is kept."""
        hashes = shingles(text)
        bands = self._bands(hashes)
        seen = sorted({place for band in bands for place in self._buckets.get(band, ())})
        found = [(jaccard(hashes, self._kept[place][1]), -place) for place in seen]
        if found and max(found)[0] >= self._similarity:
            similarity, place = max(found)
            return self._kept[-place][0], similarity
        self._kept.append((name, hashes))
        for band in bands:
            self._buckets.setdefault(band, []).append(len(self._kept) - 1)
        return None

    def _bands(self, hashes: Hashes) -> list[tuple[int, bytes]]:
        mixed = hashes[None, :] * self._factors[:, None] + self._offsets[:, None]  # (permutations, shingles)
        signature = (mixed >> np.uint64(32)).min(axis=1).reshape(-1, self._n_rows)
        return [(number, band.tobytes()) for number, band in enumerate(signature)]


def rows_for(similarity: float) -> int:
    """Most rows a band with which a pair of this similarity is missed less than once in a thousand."""
    for rows in (16, 8, 4, 2):
        if (1 - similarity**rows) ** (N_PERMUTATIONS // rows) < 1e-3:
            return rows
    return 1


def shingles(text: str) -> Hashes:
    """Sorted distinct hashes of all sequences of five words; of all words if there are fewer."""
    words = np.array([_hash(word) for word in _words(text)], dtype=np.uint64)
    width = min(SHINGLE_WORDS, len(words))
    total = np.zeros(len(words) - width + 1, dtype=np.uint64)
    for place in range(width):
        total = (total ^ words[place : place + len(total)]) * _MIX
        total ^= total >> np.uint64(29)
    return np.unique(total)


def jaccard(one: Hashes, other: Hashes) -> float:
    """Shared hashes among all hashes of both."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def _words(text: str) -> Iterable[str]:
    return _WORD.findall(text.casefold()) or [text.strip()]


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(errors="replace"), digest_size=8).digest(), "big")
