"""Invented names: words that no two splits of the toy world share.

In: a random generator and a partition. Out: capitalised words and names made of them. Every possible word
belongs to exactly one partition, whatever the seed, so a name of the test world occurs neither in a training
question nor in the text that the demo's base was pretrained on. Not here: the things with these names.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from random import Random


class Partition(StrEnum):
    """Who may use a word."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"
    PRETRAINING = "pretraining"


_ONSETS = ("b", "br", "d", "dr", "f", "g", "gr", "h", "j", "k", "kr", "l", "m", "n", "p", "r", "s", "st", "t", "v", "z")
_RHYMES = ("a", "an", "ar", "e", "el", "en", "i", "il", "in", "o", "ol", "on", "or", "u", "um", "ur")
SYLLABLES = tuple(onset + rhyme for onset in _ONSETS for rhyme in _RHYMES)
"""336 syllables, from which all words are built."""


def partition_of(word: str) -> Partition:
    """The one partition that a word belongs to."""
    return tuple(Partition)[zlib.crc32(word.encode()) % len(Partition)]


class Namer:
    """Draws words of one partition, each at most once."""

    def __init__(self, rng: Random, partition: Partition) -> None:
        self._rng = rng
        self._partition = partition
        self._taken: set[str] = set()

    def word(self, n_syllables: int) -> str:
        """A new capitalised word."""
        while True:
            word = "".join(self._rng.choice(SYLLABLES) for _ in range(n_syllables)).capitalize()
            if word not in self._taken and partition_of(word) is self._partition:
                self._taken.add(word)
                return word

    def name(self, *n_syllables: int) -> str:
        """A new name of one word for each number, such as ``name(2, 2)`` for a person."""
        return " ".join(self.word(n) for n in n_syllables)
