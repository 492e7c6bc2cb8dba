"""Exact search: every row is compared. Approximate search is tuned and tested against it.

In: query vectors (queries, dim). Out: rows and scores (queries, k), best first, equal scores by row.
Time grows with the corpus (1 M rows of 768: about half a second a query on one core, much less in batches).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.retrieval.encoder import Vector, Vectors
from understudy.retrieval.vectors import Scores, VectorFile, scores_of

Rows = np.ndarray[tuple[int], np.dtype[np.int64]]

Table = np.ndarray[tuple[int, int], np.dtype[Any]]

_SLACK = 8
"""Additional rows beyond k, so that rounding of block products cannot lose one of the best k."""


def exact_search(vectors: VectorFile, queries: Vectors, k: int, block_rows: int = 16384) -> list[tuple[Rows, Scores]]:
    """For each query the best ``min(k, rows)`` rows and their scores."""
    kept_rows = np.empty((len(queries), 0), dtype=np.int64)
    kept_scores = np.empty((len(queries), 0), dtype=np.float32)
    for first, block in vectors.blocks(block_rows):
        scores = queries @ block.T  # (queries, block rows)
        keep = min(k + _SLACK, scores.shape[1])
        best = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
        kept_rows = np.concatenate([kept_rows, best + first], axis=1)
        kept_scores = np.concatenate([kept_scores, np.take_along_axis(scores, best, axis=1)], axis=1)
        if kept_rows.shape[1] > 4 * (k + _SLACK):
            kept_rows, kept_scores = _cut(kept_rows, kept_scores, k + _SLACK)
    kept_rows, _ = _cut(kept_rows, kept_scores, min(k + _SLACK, kept_rows.shape[1]))
    return [rescored(vectors, query, rows, k) for query, rows in zip(queries, kept_rows, strict=True)]


def rescored(vectors: VectorFile, query: Vector, candidates: Rows, k: int) -> tuple[Rows, Scores]:
    """The best ``k`` of the candidate rows by their exact scores, equal scores by row."""
    rows = np.sort(candidates)
    scores = scores_of(query, vectors.read(rows))
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]


def _cut(rows: Table, scores: Table, keep: int) -> tuple[Table, Table]:
    best = np.argpartition(-scores, keep - 1, axis=1)[:, :keep]
    return np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1)
