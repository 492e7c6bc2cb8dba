"""Several rankings → one.

``HybridRetriever``: BM25 and dense search of one corpus, fused by reciprocal ranks (Cormack et al. 2009, k = 60): a
passage scores the sum of 1 / (60 + rank) over the rankings that hold it. It is optional: the paper uses dense search
alone.

``ShardedRetriever``: disjoint parts of one corpus, each with its engine, merged by score. Sound only if scores are
comparable, so for exact (rescored) cosines, not for BM25, whose weights differ from part to part.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from understudy.retrieval.retriever import Hit, RetrievalError, Retriever

_RANK_OFFSET = 60


class HybridRetriever:
    """See ``Retriever``. Scores are sums of reciprocal ranks."""

    def __init__(self, engines: Sequence[Retriever], depth: int = 50) -> None:
        """``depth``: how many hits of each engine take part."""
        self._engines = tuple(engines)
        self._depth = depth

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. Equal sums are ordered by the engines' order, then by rank."""
        rankings = [engine.search(queries, max(k, self._depth)) for engine in self._engines]
        return [_fuse(list(of_query), k) for of_query in zip(*rankings, strict=True)]

    def close(self) -> None:
        """Close all engines."""
        for engine in self._engines:
            engine.close()


class ShardedRetriever:
    """See ``Retriever``. All shards are asked at once."""

    def __init__(self, shards: Sequence[Retriever]) -> None:
        """The shards in the order of their rows."""
        self._shards = tuple(shards)
        self._pool = ThreadPoolExecutor(len(self._shards), thread_name_prefix="retrieval-shard")

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. Equal scores are ordered by shard, then by rank."""
        answers = list(self._pool.map(lambda shard: shard.search(queries, k), self._shards))
        merged = (chain.from_iterable(of_query) for of_query in zip(*answers, strict=True))
        return [sorted(hits, key=_descending)[:k] for hits in merged]

    def close(self) -> None:
        """Close all shards. Closing twice is fine."""
        self._pool.shutdown()
        for shard in self._shards:
            shard.close()


def _descending(hit: Hit) -> float:
    if hit.score is None:
        raise RetrievalError(f"a shard gave no score with {hit.passage.id!r}: shards are merged by their scores")
    return -hit.score


def _fuse(rankings: list[list[Hit]], k: int) -> list[Hit]:
    sums: dict[str, float] = {}
    first: dict[str, Hit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            sums[hit.passage.id] = sums.get(hit.passage.id, 0.0) + 1.0 / (_RANK_OFFSET + rank)
            first.setdefault(hit.passage.id, hit)
    best = sorted(sums, key=lambda passage_id: -sums[passage_id])[:k]
    return [Hit(first[passage_id].passage, sums[passage_id]) for passage_id in best]
