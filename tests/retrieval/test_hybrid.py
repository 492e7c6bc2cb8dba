from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.retrieval.conftest import write_corpus
from understudy.retrieval import (
    BuildConfig,
    CallableEncoder,
    DenseConfig,
    Hit,
    HttpConfig,
    Passage,
    RetrievalError,
    ServiceConfig,
    ShardsConfig,
    build_index,
    open_retriever,
)
from understudy.retrieval.batching import BatchingRetriever
from understudy.retrieval.hybrid import HybridRetriever, ShardedRetriever
from understudy.retrieval.serving import running_server


class Fixed:
    """Always the same ranking."""

    def __init__(self, *ranked: tuple[str, float]) -> None:
        self._hits = [Hit(Passage(name, name, name), score) for name, score in ranked]

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [self._hits[:k] for _ in queries]

    def close(self) -> None:
        """Nothing to give back."""


def ranked(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    return [(hit.passage.id, hit.score) for hit in hits]


def test_reciprocal_ranks_are_summed() -> None:
    fused = HybridRetriever([Fixed(("a", 9), ("b", 8), ("c", 7)), Fixed(("c", 0.9), ("d", 0.8), ("a", 0.7))])
    both = 1 / 61 + 1 / 63
    assert ranked(fused.search(["q"], 10)[0]) == [("a", both), ("c", both), ("b", 1 / 62), ("d", 1 / 62)]
    assert fused.search(["q", "r"], 1) == [fused.search(["q"], 1)[0]] * 2


def test_only_the_depth_takes_part() -> None:
    fused = HybridRetriever([Fixed(("a", 9), ("b", 8)), Fixed(("c", 9), ("b", 8))], depth=1)
    assert [name for name, _ in ranked(fused.search(["q"], 1)[0])] == ["a"]


def test_shards_are_merged_by_score() -> None:
    merged = ShardedRetriever([Fixed(("a", 0.9), ("b", 0.5)), Fixed(("c", 0.7), ("d", 0.5))])
    assert ranked(merged.search(["q"], 3)[0]) == [("a", 0.9), ("c", 0.7), ("b", 0.5)]
    merged.close()
    merged.close()


def test_shards_of_a_corpus_answer_as_the_undivided_corpus_here_and_over_http(
    tmp_path: Path, passages: list[Passage], encoder: CallableEncoder
) -> None:
    rows = passages[:900]
    for name, part in (("all", rows), ("one", rows[:400]), ("two", rows[400:])):
        corpus = write_corpus(tmp_path / f"{name}.jsonl", part)
        build_index(BuildConfig(corpus=corpus, folder=tmp_path / name, lexical=False), encoder, quiet=True)
    queries = [" ".join(passage.text.split()[2:8]) for passage in rows[::30]]
    configs = {name: DenseConfig(folder=tmp_path / name) for name in ("all", "one", "two")}
    whole = open_retriever(configs["all"], encoder)
    expected = whole.search(queries, 5)
    second = open_retriever(configs["two"], encoder)
    assert isinstance(second, BatchingRetriever)
    with running_server(second, ServiceConfig(port=0)) as url:
        for other in (configs["two"], HttpConfig(url=url)):
            shards = open_retriever(ShardsConfig(shards=(configs["one"], other)), encoder)
            assert shards.search(queries, 5) == expected
            shards.close()
    whole.close()
    second.close()


def test_a_shard_that_fails_is_reported(passages: list[Passage]) -> None:
    class Broken(Fixed):
        def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
            raise RetrievalError("shard two is gone")

    shards = ShardedRetriever([Fixed(("a", 1.0)), Broken()])
    with pytest.raises(RetrievalError, match="shard two"):
        shards.search(["q"], 1)
    shards.close()
