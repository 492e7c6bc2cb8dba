from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from understudy.retrieval import Hit, Passage, RetrievalError
from understudy.retrieval.batching import BatchingRetriever, BusyError, Question


class GatedEngine:
    """Answers each query with itself once the gate is open; notes every batch."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.started = threading.Event()
        self.batches: list[list[str]] = []
        self.n_closed = 0

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        self.batches.append(list(queries))
        self.started.set()
        self.gate.wait(30)
        if "poison" in queries:
            raise OSError("a bad query")
        return [[Hit(Passage(query, query, "x" * rank), float(k)) for rank in range(k)] for query in queries]

    def close(self) -> None:
        self.n_closed += 1


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def test_everybody_gets_their_own_answer(engine: GatedEngine) -> None:
    engine.gate.set()
    retriever = BatchingRetriever(engine, max_batch=8, cache_entries=16)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda number: retriever.search([f"q{number % 40}", "both"], 2), range(400)))
    assert [[ids(hits) for hits in answer] for answer in answers] == [
        [[f"q{number % 40}"] * 2, ["both"] * 2] for number in range(400)
    ]
    assert max(map(len, engine.batches)) <= 8
    assert retriever.counters.queries == 800
    retriever.close()


def test_what_waits_goes_together_and_equal_queries_once(engine: GatedEngine) -> None:
    retriever = BatchingRetriever(engine)
    first = retriever.submit([Question("first", 1)])
    engine.started.wait(10)
    rest = retriever.submit(
        [Question("a", 1), Question("b", 1), Question("a", 1), Question("first", 1), Question("a", 2)]
    )
    engine.gate.set()
    assert [len(future.result(10)) for future in first + rest] == [1, 1, 1, 1, 1, 2]
    assert engine.batches == [["first"], ["a", "b"], ["a"]]
    assert retriever.counters.merged == 2
    retriever.close()


def test_repeats_come_from_the_cache_until_they_are_pushed_out(engine: GatedEngine) -> None:
    engine.gate.set()
    retriever = BatchingRetriever(engine, cache_entries=2)
    for query in ("a", "b", "a", "c", "a", "b"):
        retriever.search([query], 1)
    assert [batch[0] for batch in engine.batches] == ["a", "b", "c", "b"]
    assert retriever.counters.cache_hits == 2
    retriever.close()


def test_a_full_queue_refuses_all_of_a_call_and_recovers(engine: GatedEngine) -> None:
    retriever = BatchingRetriever(engine, max_waiting=2)
    running = retriever.submit([Question("running", 1)])
    engine.started.wait(10)
    waiting = retriever.submit([Question("w1", 1), Question("w2", 1)])
    with pytest.raises(BusyError, match="at most 2"):
        retriever.submit([Question("w1", 1), Question("one too many", 1)])
    assert retriever.submit([Question("w1", 1)]) == waiting[:1]
    engine.gate.set()
    assert [ids(future.result(10)) for future in running + waiting] == [["running"], ["w1"], ["w2"]]
    assert ids(retriever.search(["one too many"], 1)[0]) == ["one too many"]
    retriever.close()


def test_one_bad_query_fails_alone(engine: GatedEngine) -> None:
    retriever = BatchingRetriever(engine)
    retriever.submit([Question("first", 1)])
    engine.started.wait(10)
    futures = retriever.submit([Question(query, 1) for query in ("fine", "poison", "good")])
    engine.gate.set()
    assert ids(futures[0].result(10)) == ["fine"]
    assert ids(futures[2].result(10)) == ["good"]
    with pytest.raises(RetrievalError, match="a bad query"):
        futures[1].result(10)
    with pytest.raises(RetrievalError, match="a bad query"):
        retriever.search(["poison"], 1)
    assert ids(retriever.search(["after"], 1)[0]) == ["after"]
    retriever.close()


def test_no_caller_can_cancel_an_answer_that_others_wait_for(engine: GatedEngine) -> None:
    retriever = BatchingRetriever(engine)
    (mine,) = retriever.submit([Question("shared", 1)])
    (theirs,) = retriever.submit([Question("shared", 1)])
    assert not mine.cancel()
    engine.gate.set()
    assert ids(theirs.result(10)) == ["shared"]
    retriever.close()


def test_closing_ends_the_engine_once_and_refuses_what_comes_after(engine: GatedEngine) -> None:
    engine.gate.set()
    retriever = BatchingRetriever(engine)
    retriever.close()
    retriever.close()
    assert engine.n_closed == 1
    with pytest.raises(RetrievalError, match="closed"):
        retriever.search(["late"], 1)
