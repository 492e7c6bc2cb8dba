"""One thread owns the engine; all callers queue.

In: a retriever and calls from any number of threads. Out: the same answers, as a ``Retriever``. The owner takes all
waiting queries (there is no fixed window), calls the engine once for each number of hits, merges equal queries, and
answers repeats from a cache. A full queue refuses with ``BusyError`` instead of growing.

An answer does not depend on the batch it was computed in, as far as the engine beneath promises that.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from understudy.retrieval.retriever import Hit, RetrievalError, Retriever, as_retrieval_error

Hits = tuple[Hit, ...]


class Question(NamedTuple):
    """A query with its number of hits: the key of the cache."""

    query: str
    k: int


class BusyError(RetrievalError):
    """The queue is full: ask again later."""


@dataclass(slots=True)
class Counters:
    """Counts since the start; written by the owner under its lock."""

    queries: int = 0
    cache_hits: int = 0
    merged: int = 0
    """Queries that joined an equal waiting or running one."""
    refused: int = 0
    failed: int = 0
    batches: int = 0
    batched_queries: int = 0
    largest_batch: int = 0


class BatchingRetriever:
    """See ``Retriever``; also ``submit`` for callers that do not block."""

    def __init__(
        self, engine: Retriever, *, max_batch: int = 64, max_waiting: int = 2048, cache_entries: int = 65_536
    ) -> None:
        """Starts the owner's thread; ``close`` ends it and closes the engine."""
        self.counters = Counters()
        self._engine = engine
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._cache_entries = cache_entries
        self._cache: OrderedDict[Question, Hits] = OrderedDict()
        self._open: dict[Question, Future[Hits]] = {}
        self._waiting: deque[Question] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._owner = threading.Thread(target=self._serve, name="retrieval-owner", daemon=True)
        self._owner.start()

    @property
    def n_waiting(self) -> int:
        """Distinct queries in the queue."""
        return len(self._waiting)

    def submit(self, questions: Sequence[Question]) -> list[Future[Hits]]:
        """One future for each question. All are taken or, with ``BusyError``, none."""
        with self._changed:
            if self._is_closed:
                raise RetrievalError("the retriever is closed")
            fresh = {q for q in questions if q not in self._cache and q not in self._open}
            if len(self._waiting) + len(fresh) > self._max_waiting:
                self.counters.refused += len(questions)
                raise BusyError(f"{len(self._waiting)} queries wait already, at most {self._max_waiting} may")
            futures = [self._take(question) for question in questions]
            if fresh:
                self._changed.notify()
            return futures

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``."""
        answers: list[list[Hit]] = []
        for start in range(0, len(queries), self._max_batch):
            futures = self.submit([Question(query, k) for query in queries[start : start + self._max_batch]])
            answers.extend(list(future.result()) for future in futures)
        return answers

    def close(self) -> None:
        """End the owner's thread after its current batch; what waits is refused. Closing twice is fine."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
        self._owner.join()
        self._engine.close()

    def _take(self, question: Question) -> Future[Hits]:
        """A future for one question, under the lock: cached, running, or queued."""
        self.counters.queries += 1
        future: Future[Hits] = Future()
        known = self._cache.get(question)
        if known is not None:
            self._cache.move_to_end(question)
            self.counters.cache_hits += 1
            future.set_result(known)
            return future
        if question in self._open:
            self.counters.merged += 1
            return self._open[question]
        future.set_running_or_notify_cancel()  # it may be shared: no caller can cancel it for the others
        self._waiting.append(question)
        self._open[question] = future
        return future

    def _serve(self) -> None:
        while batch := self._next_batch():
            by_k: dict[int, list[str]] = {}
            for question in batch:
                by_k.setdefault(question.k, []).append(question.query)
            for k, queries in by_k.items():
                self._answer(queries, k)

    def _next_batch(self) -> list[Question]:
        """All waiting questions, at most ``max_batch``; empty when closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                self._refuse_waiting()
                return []
            batch = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
            self.counters.batches += 1
            self.counters.batched_queries += len(batch)
            self.counters.largest_batch = max(self.counters.largest_batch, len(batch))
            return batch

    def _answer(self, queries: list[str], k: int) -> None:
        try:
            answers = self._engine.search(queries, k)
            if len(answers) != len(queries):
                raise RetrievalError(f"the engine gave {len(answers)} answers to {len(queries)} queries")
        except Exception as error:
            if len(queries) == 1:
                self._fail(Question(queries[0], k), error)
            else:  # one bad query does not fail the others
                for query in queries:
                    self._answer([query], k)
            return
        with self._changed:
            settled = [
                self._remember(Question(query, k), tuple(hits)) for query, hits in zip(queries, answers, strict=True)
            ]
        for future, hits in settled:
            future.set_result(hits)

    def _fail(self, question: Question, error: Exception) -> None:
        with self._changed:
            self.counters.failed += 1
            future = self._open.pop(question)
        future.set_exception(as_retrieval_error(error))

    def _remember(self, question: Question, hits: Hits) -> tuple[Future[Hits], Hits]:
        """Put an answer into the cache, under the lock; return the future that waits for it."""
        if self._cache_entries:
            self._cache[question] = hits
            while len(self._cache) > self._cache_entries:
                self._cache.popitem(last=False)
        return self._open.pop(question), hits

    def _refuse_waiting(self) -> None:
        for question in self._waiting:
            self._open.pop(question).set_exception(RetrievalError("the retriever was closed"))
        self._waiting.clear()
