from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from understudy.retrieval import CallableEncoder, Passage

DIM = 64
_SYLLABLES = ("ba", "do", "ki", "lu", "me", "no", "ra", "su", "ti", "ve")


def word(number: int) -> str:
    """A made-up word that no stemmer touches."""
    return "".join(_SYLLABLES[int(digit)] for digit in f"{number:03d}")


def make_passages(n: int, seed: int = 0) -> list[Passage]:
    """Passages of 12 made-up words; each has a title of its own and shares words with its neighbours."""
    random = np.random.default_rng(seed)
    rows = []
    for row in range(n):
        topic = row % 50
        words = [word(int(number)) for number in random.integers(topic * 10, topic * 10 + 60, size=12)]
        rows.append(Passage(id=f"p{row}", title=f"Town {row}", text=" ".join(words)))
    return rows


def write_corpus(path: Path, passages: Sequence[Passage]) -> Path:
    lines = [json.dumps({"id": p.id, "contents": p.contents}) for p in passages]
    path.write_text("\n".join(lines) + "\n")
    return path


def word_vectors(texts: list[str]) -> np.ndarray:
    """Mean of one random vector a word: a text's vector depends on that text alone."""
    vectors = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        for one in text.split():
            vectors[row] += _word_vector(one)
    return vectors


@lru_cache(maxsize=4096)
def _word_vector(one: str) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(one.encode())).standard_normal(DIM).astype(np.float32)


@pytest.fixture(scope="session")
def encoder() -> CallableEncoder:
    return CallableEncoder(word_vectors, name="words-64")


@pytest.fixture(scope="session")
def passages() -> list[Passage]:
    return make_passages(2000)
