"""A build in a process of its own, slow enough to be killed: ``python -m tests.retrieval.building folder pause_s``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import faiss
import numpy as np

from tests.retrieval.conftest import word_vectors
from understudy.retrieval import BuildConfig, CallableEncoder, IndexInfo, build_index


def build(folder: Path, pause_s: float) -> IndexInfo:
    """Index ``folder/corpus.jsonl`` into ``folder/index``, each encoded shard taking at least ``pause_s``."""

    def encode(texts: list[str]) -> np.ndarray:
        time.sleep(pause_s)
        return word_vectors(texts)

    faiss.omp_set_num_threads(1)  # sums over other numbers of threads are rounded otherwise
    config = BuildConfig(
        corpus=folder / "corpus.jsonl", folder=folder / "index", shard_rows=100, min_rows_for_codes=100,
        n_tuning_queries=50, recall=0.9,
    )  # fmt: skip
    return build_index(config, CallableEncoder(encode, name="words-64"), quiet=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]), float(sys.argv[2]))
