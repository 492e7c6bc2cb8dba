"""The one worker pool.

In: a function and items. Out: results, in order or as they come. An error of a worker stops the pool: no item is
started any more, running ones may end, and the error is raised. Ctrl-C stops it too but waits only a moment, because a
reply of a model may take minutes. Not here: processes, retries, files, progress (``understudy.progress``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

GRACE_S = 1.0
"""How long Ctrl-C waits for running items. Later results are discarded."""


def map_unordered(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], n_workers: int
) -> Iterator[tuple[ItemT, ResultT]]:
    """Yield (item, result) as results come, at most ``n_workers`` at a time.

    Items are taken from the iterable only when a worker is free, so it may be endless.
    """
    if n_workers < 1:
        raise ValueError(f"n_workers: expected at least 1, got {n_workers}")
    pool = _Pool(function, n_workers)
    try:
        for item in items:
            pool.start(item)
            if pool.n_running >= n_workers:
                yield pool.take()
        while pool.n_running:
            yield pool.take()
    except Exception:
        pool.close(wait_s=threading.TIMEOUT_MAX)
        raise
    finally:  # Ctrl-C, and a caller that wants no more results
        pool.close(wait_s=GRACE_S)


def map_ordered(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], n_workers: int) -> Iterator[ResultT]:
    """Yield results in the order of the items, at most ``n_workers`` at a time."""
    early: dict[int, ResultT] = {}
    wanted = 0
    numbered = enumerate(items)
    for (number, _), result in map_unordered(lambda pair: function(pair[1]), numbered, n_workers):
        early[number] = result
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1


@dataclass(frozen=True, slots=True)
class _Ended(Generic[ItemT, ResultT]):
    item: ItemT
    result: ResultT | None
    error: BaseException | None


class _Pool(Generic[ItemT, ResultT]):
    """Daemon threads: the interpreter does not wait for them when it exits, as it does for ``concurrent.futures``."""

    def __init__(self, function: Callable[[ItemT], ResultT], n_workers: int) -> None:
        self._function = function
        self._n_workers = n_workers
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._ended: SimpleQueue[_Ended[ItemT, ResultT]] = SimpleQueue()
        self.n_running = 0

    def start(self, item: ItemT) -> None:
        """Give an item to a free worker."""
        self.n_running += 1
        if len(self._threads) < min(self.n_running, self._n_workers):
            thread = threading.Thread(target=self._work, name=f"understudy-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(lambda: self._run(item))

    def take(self) -> tuple[ItemT, ResultT]:
        """Wait for one that has ended. Raises what its function raised."""
        ended = self._ended.get()
        self.n_running -= 1
        if ended.error is not None:
            raise ended.error
        return ended.item, ended.result  # type: ignore[return-value]  # without an error there is a result

    def close(self, wait_s: float) -> None:
        """Let the workers end; wait for those that still run."""
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, min(until - time.monotonic(), threading.TIMEOUT_MAX)))
        self._threads = []

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _run(self, item: ItemT) -> None:
        try:
            self._ended.put(_Ended(item, self._function(item), None))
        except BaseException as error:  # whatever it is, the thread that takes results raises it
            self._ended.put(_Ended(item, None, error))
