"""Texts that repeat an earlier one, without comparing all pairs. In: texts as sets of hashed word sequences. Out: for
each later one the earlier one that it repeats. Candidates are verified by their exact Jaccard similarity.
Deterministic. Not here: the hash functions (``tasks.minhash``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from understudy.tasks.minhash import Bands, Hashes, token_hash

N_PERMUTATIONS = 128
SHINGLE_WORDS = 5
_MIX = np.uint64(0x9E3779B97F4A7C15)
_WORD = re.compile(r"\w+")


class Repeats:
    """Finds texts that repeat an earlier one."""

    def __init__(self, similarity: float) -> None:
        """``similarity``: Jaccard similarity in (0, 1] of the sets of five-word sequences."""
        self._similarity = similarity
        n_rows = rows_for(similarity)
        self._bands = Bands(N_PERMUTATIONS // n_rows, n_rows)
        self._kept: list[tuple[str, Hashes]] = []
        self._buckets: dict[tuple[int, bytes], list[int]] = {}

    def earlier(self, name: str, text: str) -> tuple[str, float] | None:
        """Name and similarity of the most similar earlier text; None if there is none, and then this text is kept."""
        hashes = shingles(text)
        bands = list(enumerate(self._bands.keys(hashes)))
        seen = sorted({place for band in bands for place in self._buckets.get(band, ())})
        found = [(jaccard(hashes, self._kept[place][1]), -place) for place in seen]
        if found and max(found)[0] >= self._similarity:
            similarity, place = max(found)
            return self._kept[-place][0], similarity
        self._kept.append((name, hashes))
        for band in bands:
            self._buckets.setdefault(band, []).append(len(self._kept) - 1)
        return None


def rows_for(similarity: float) -> int:
    """The largest number of rows per band at which less than one in a thousand pairs of this similarity is missed."""
    for rows in (16, 8, 4, 2):
        if (1 - similarity**rows) ** (N_PERMUTATIONS // rows) < 1e-3:
            return rows
    return 1


def shingles(text: str) -> Hashes:
    """Sorted distinct hashes of all sequences of five words; of all words if there are fewer."""
    words = np.array([token_hash(word) for word in _words(text)], dtype=np.uint64)
    width = min(SHINGLE_WORDS, len(words))
    total = np.zeros(len(words) - width + 1, dtype=np.uint64)
    for place in range(width):
        total = (total ^ words[place : place + len(total)]) * _MIX
        total ^= total >> np.uint64(29)
    return np.unique(total)


def jaccard(one: Hashes, other: Hashes) -> float:
    """Number of shared hashes, divided by the number of hashes of both together."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def _words(text: str) -> Iterable[str]:
    return _WORD.findall(text.casefold()) or [text.strip()]
