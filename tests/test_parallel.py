"""The worker pool keeps order, bounds and errors; the bar counts."""

from __future__ import annotations

import threading
import time

import pytest

from understudy.parallel import Progress, map_ordered, map_unordered


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
    with pytest.raises(ValueError, match="came 0"):
        list(map_unordered(str, [1], 0))


def test_the_bar_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("tasks", 3, done=1) as progress:
        progress.advance(facts="[b]2 right")
        progress.advance()
    assert "tasks: 3/3" in (said := capsys.readouterr().err)
    assert "1 from before" in said
    assert "[b]2 right" in said


def test_a_quiet_bar_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("tasks", 1, quiet=True) as progress:
        progress.advance()
    assert capsys.readouterr().err == ""
