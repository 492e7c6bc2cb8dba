"""The worker pool keeps order, bounds and errors, and Ctrl-C does not wait for it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from understudy.parallel import map_ordered, map_unordered


def test_order_is_kept_whatever_ends_first() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number * 10

    assert list(map_ordered(slow_if_even, range(20), 8)) == [n * 10 for n in range(20)]


def test_never_more_than_n_workers_and_items_are_taken_late() -> None:
    lock, live, most, taken = threading.Lock(), 0, 0, 0

    def items() -> object:
        nonlocal taken
        for number in range(30):
            taken += 1
            yield number

    def work(number: int) -> int:
        nonlocal live, most
        with lock:
            live += 1
            most = max(most, live)
        time.sleep(0.002)
        with lock:
            live -= 1
        return number

    stream = map_unordered(work, items(), 4)  # type: ignore[arg-type]
    next(stream)
    assert taken <= 8
    assert len(list(stream)) == 29
    assert most <= 4


def test_an_error_stops_the_pool() -> None:
    started: list[int] = []

    def work(number: int) -> int:
        started.append(number)
        if number == 3:
            raise RuntimeError("three")
        return number

    with pytest.raises(RuntimeError, match="three"):
        list(map_unordered(work, range(1000), 2))
    assert len(started) < 20


def test_zero_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        list(map_unordered(str, [1], 0))


def test_the_interpreter_does_not_wait_for_what_ctrl_c_left_behind() -> None:
    program = """
import signal, threading, time, os
from understudy.parallel import map_unordered
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
list(map_unordered(lambda item: time.sleep(60), range(8), 4))
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert time.monotonic() - started < 20


def test_what_ends_in_the_moment_after_ctrl_c_is_finished() -> None:
    finished = []

    def work(seconds: float) -> None:
        time.sleep(seconds)
        finished.append(seconds)

    def items() -> Iterator[float]:
        yield 0.3
        yield 30.0
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(map_unordered(work, items(), 3))
    assert time.monotonic() - started < 10
    assert finished == [0.3]


def test_an_error_lets_what_runs_end() -> None:
    finished = []

    def work(number: int) -> None:
        if number == 0:
            raise ValueError("zero")
        time.sleep(1.5)
        finished.append(number)

    with pytest.raises(ValueError, match="zero"):
        list(map_unordered(work, range(2), 2))
    assert finished == [1]


def test_a_caller_that_stops_early_does_not_wait_for_all() -> None:
    results = map_unordered(lambda number: time.sleep(30 * number), range(2), 2)
    started = time.monotonic()
    assert next(results)[0] == 0
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 10
