"""Clusters of short texts: TF-IDF vectors and spherical k-means, with numpy alone. In: texts. Out: the cluster of each,
and its characteristic words. Deterministic for a seed. Vectors are sparse: only words that occur are stored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
MAX_WORDS = 4096
N_STARTS = 4
N_ROUNDS = 30
_BATCH = 1024
_WORD = re.compile(r"[^\W\d_]{2,}")
_MASK = re.compile(r"\[[A-Z][A-Z_]*(?:_\d+)?\]")
_FUNCTION_WORDS = frozenset(
    "about above after all also am an and any are as at be been but by can could did do does for from had has have he "
    "her him his how if in into is it its just me my no not of on or our out over please she so some than that the "
    "their them then there they this to up us was we were what when where which who why will with would you "
    "your".split()
)
"""English function words. Those of other languages have little weight, because most texts contain them."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors, one a text, as a sparse matrix in rows. A text without a characteristic word has a vector of
    zeros.
    """

    words: tuple[str, ...]
    starts: Ints  # (texts + 1,)
    places: Ints  # (entries,)
    values: Floats  # (entries,)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, centres: Floats) -> Floats:
        """Cosines with centres of shape (k, words): shape (texts, k)."""
        found = np.zeros((len(self), len(centres)))
        for first in range(0, len(self), _BATCH):
            last = min(first + _BATCH, len(self))
            entries = slice(self.starts[first], self.starts[last])
            rows = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
            products = centres[:, self.places[entries]] * self.values[entries]  # (k, entries)
            for number, line in enumerate(products):
                found[first:last, number] = np.bincount(rows, line, minlength=last - first)
        return found

    def sums(self, labels: Ints, k: int) -> Floats:
        """Sum of the vectors of each cluster: shape (k, words)."""
        rows = np.repeat(labels, np.diff(self.starts))
        flat = np.bincount(rows * len(self.words) + self.places, self.values, minlength=k * len(self.words))
        sums: Floats = flat.reshape(k, len(self.words)).astype(np.float64)
        return sums


def tf_idf(texts: Sequence[str]) -> Vectors:
    """Vectors of the texts: a word has more weight if fewer texts contain it, and none if all do."""
    counted = [Counter(_telling(text)) for text in texts]
    n_texts = Counter(word for counts in counted for word in counts)
    common = [word for word, n in n_texts.items() if n < len(texts) and (n > 1 or len(texts) < 20)]
    words = sorted(common, key=lambda word: (-n_texts[word], word))[:MAX_WORDS]
    place = {word: number for number, word in enumerate(words)}
    starts, places, values = [0], [], []
    for counts in counted:
        known = sorted((place[word], word, n) for word, n in counts.items() if word in place)
        row = np.array([(1 + np.log(n)) * np.log(len(texts) / n_texts[word]) for _, word, n in known])
        places += [number for number, _, _ in known]
        values += list(row / (np.linalg.norm(row) or 1.0))
        starts.append(len(places))
    return Vectors(tuple(words), np.array(starts, np.intp), np.array(places, np.intp), np.array(values, np.float64))


def _telling(text: str) -> list[str]:
    """The words of a text without masks and function words."""
    return [word for word in _WORD.findall(_MASK.sub(" ", text).casefold()) if word not in _FUNCTION_WORDS]


def k_means(vectors: Vectors, k: int, seed: int) -> Ints:
    """The cluster of each text, numbered by size, the largest first; the best of several starts."""
    draw = np.random.default_rng(seed)
    found = [_one_start(vectors, k, draw) for _ in range(N_STARTS)]
    labels, _ = max(found, key=lambda pair: pair[1])
    sizes = np.bincount(labels, minlength=k)
    order = sorted(range(k), key=lambda number: (-sizes[number], np.flatnonzero(labels == number)[:1].tolist()))
    new = np.empty(k, np.intp)
    new[order] = np.arange(k)
    return new[labels]


def _one_start(vectors: Vectors, k: int, draw: np.random.Generator) -> tuple[Ints, float]:
    """Labels, and the sum of the cosines between texts and their centres."""
    centres = _first_centres(vectors, k, draw)
    labels = np.full(len(vectors), -1, np.intp)
    cosines = vectors.times(centres)
    for _ in range(N_ROUNDS):
        new = cosines.argmax(axis=1)
        if (new == labels).all():
            break
        labels = new
        sums = vectors.sums(labels, k)
        is_empty = np.bincount(labels, minlength=k) == 0
        sums[is_empty] = centres[is_empty]
        centres = unit(sums)
        cosines = vectors.times(centres)
    return labels, float(cosines[np.arange(len(labels)), labels].sum())


def _first_centres(vectors: Vectors, k: int, draw: np.random.Generator) -> Floats:
    """k-means++: each next centre is drawn with a chance that grows with its distance from those before."""
    chosen = [int(draw.integers(len(vectors)))]
    distance = np.full(len(vectors), np.inf)
    while len(chosen) < k:
        nearest = 1 - vectors.times(_row(vectors, chosen[-1])[None, :])[:, 0]
        distance = np.minimum(distance, np.clip(nearest, 0, None))
        total = distance.sum()
        chances = distance / total if total > 0 else None
        chosen.append(int(draw.choice(len(vectors), p=chances)))
    return np.stack([_row(vectors, number) for number in chosen])


def _row(vectors: Vectors, number: int) -> Floats:
    row = np.zeros(len(vectors.words))
    entries = slice(vectors.starts[number], vectors.starts[number + 1])
    row[vectors.places[entries]] = vectors.values[entries]
    return row


def unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1.0, lengths)
