"""The one worker pool and the one progress bar.

In: a function and things to do. Out: results, in order or as they come. A worker's error stops the
pool: nothing new is started, what runs is let end, and the error is raised. Ctrl-C does the same.
Not here: processes, retries, files.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def map_unordered(
    function: Callable[[ItemT], ResultT], items: Iterable[ItemT], n_workers: int
) -> Iterator[tuple[ItemT, ResultT]]:
    """Yield (item, result) as results come, at most ``n_workers`` at a time.

    Items are taken from the iterable only when a worker is free, so it may be endless.
    """
    if n_workers < 1:
        raise ValueError(f"n_workers: expected at least 1, came {n_workers}")
    source = iter(items)
    running: dict[Future[ResultT], ItemT] = {}
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="understudy")
    try:
        for item in source:
            running[pool.submit(function, item)] = item
            if len(running) >= n_workers:
                yield from _take_finished(running)
        while running:
            yield from _take_finished(running)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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


def _take_finished(running: dict[Future[ResultT], ItemT]) -> Iterator[tuple[ItemT, ResultT]]:
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        item = running.pop(future)
        yield item, future.result()


class Progress:
    """A bar on standard error: what is done, the rate, what is left, and a few facts.

    Where standard error is no terminal it prints one line at the end instead.
    """

    def __init__(self, label: str, total: int | None, *, done: int = 0, quiet: bool = False) -> None:
        """``total`` None: not known. ``done``: finished by an earlier run. ``quiet``: prints nothing."""
        self._label = label
        self._total = total
        self._done = done
        self._started_at = done
        self._facts = ""
        self._quiet = quiet
        self._lock = threading.Lock()
        self._console = Console(file=sys.stderr)
        self._is_live = self._console.is_terminal and not quiet
        self._bar = RichProgress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
            console=self._console,
            disable=not self._is_live,
        )

    def advance(self, count: int = 1, facts: str = "") -> None:
        """Count what was done; ``facts`` replaces the text at the end of the bar."""
        with self._lock:
            self._done += count
            self._facts = facts or self._facts
            if self._is_live:
                self._bar.update(self._task, completed=self._done, facts=self._facts)

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task(self._label, total=self._total, completed=self._done, facts="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if not self._is_live and not self._quiet:
            elapsed_s = self._bar.tasks[0].finished_time or self._bar.tasks[0].elapsed or 0.0
            resumed = f", {self._started_at} from before" if self._started_at else ""
            total = "" if self._total is None else f"/{self._total}"
            line = f"{self._label}: {self._done}{total} in {elapsed_s:.1f} s{resumed}"
            self._console.print(f"{line}  {self._facts}".rstrip(), markup=False, highlight=False, soft_wrap=True)
