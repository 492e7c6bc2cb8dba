"""The one progress bar, and the count of generated tokens that it shows.

In: done and total work, and a few facts. Out: a bar on standard error; if that is not a terminal, a line from time to
time and one at the end. Not here: results (``print_above_bars`` puts them on a line of their own).
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

LINE_EVERY_S = 30.0
"""Interval of the printed lines without a terminal."""


class Counter:
    """A counter that is safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.total += count


GENERATED_TOKENS = Counter()
"""Tokens that the models of this process have generated. Models add to it as tokens come; bars show it."""


class SmoothRate:
    """Rate of work that advances in steps, as a moving average that weighs recent time more. The work of a step counts
    as done evenly since the step before, so steps of equal length give a constant rate, and steps that end together
    count once. Old work fades over half of the elapsed time.
    """

    MIN_MEMORY_S = 120.0

    def __init__(self, now: float, memory_s: float | None = None) -> None:
        """``memory_s`` None: half of the elapsed time."""
        self._started = self._last = now
        self._memory_s = memory_s
        self._work = self._time_s = self._longest_s = 0.0

    def advance(self, count: float, now: float) -> None:
        self._longest_s = max(self._longest_s, now - self._last)
        self._work, self._time_s = self._after(count, now)
        self._last = now

    @property
    def per_s(self) -> float:
        """0 if nothing was done."""
        return self._work / self._time_s if self._time_s else 0.0

    def left_s(self, remaining: float, now: float) -> float | None:
        """Seconds until ``remaining`` is done; None if unknown. It counts down between two steps. If a step takes
        longer than any before, it grows as if the step ended now.
        """
        if not self.per_s:
            return None
        step_s, waited_s = 1 / self.per_s, now - self._last
        work, time_s = self._after(1.0, self._last + step_s + max(0.0, waited_s - self._longest_s))
        return max(remaining * step_s - waited_s, (remaining - 1) * time_s / work, 0.0)

    def _after(self, count: float, now: float) -> tuple[float, float]:
        """Remembered work and time after a step that ends now."""
        interval_s = max(now - self._last, 1e-6)
        memory_s = self._memory_s or max(self.MIN_MEMORY_S, (now - self._started) / 2)
        kept = math.exp(-interval_s / memory_s)
        seen_s = memory_s * (1 - kept)
        return self._work * kept + count / interval_s * seen_s, self._time_s * kept + seen_s


class Progress:
    """A bar: done and total work, the time left, the rate, generated tokens, and a few facts of the caller."""

    def __init__(self, label: str, total: int | None, *, done: int = 0, quiet: bool = False) -> None:
        """``total`` None: not known yet. ``done``: work of an earlier run. ``quiet``: print nothing."""
        self._label = label
        self._total = total
        self._done: float = done
        self._done_before = done
        self._facts = ""
        self._is_prepared = False
        self._lock = threading.Lock()
        self._console = Console(file=sys.stderr)
        self._is_quiet = quiet or sys.stderr is None  # it can be closed, and rich would take standard output
        self._is_live = self._console.is_terminal and not self._is_quiet
        columns = (
            TextColumn("{task.description:<28}", markup=False),
            BarColumn(bar_width=24),
            _Said(self._count),
            _Said(lambda: _clock(time.monotonic() - self._started)),
            _Said(self._left),
            _Said(self._rest),
        )
        self._bar = RichProgress(*columns, console=self._console, disable=not self._is_live)
        self._ended = threading.Event()

    def advance(self, count: float = 1, facts: str = "") -> None:
        """Count finished work, which may be part of a step; ``facts`` replaces the caller's text at the end of the
        bar.
        """
        with self._lock:
            self._done += count
            self._facts = facts or self._facts
            if count:
                self._rate.advance(count, time.monotonic())
            self._bar.update(self._task, completed=self._done)

    def expect(self, total: int) -> None:
        """Set the total. At the first call the work begins, if none was done: what came before was preparation."""
        with self._lock:
            if not self._is_prepared and self._done == self._done_before:
                self._rate = SmoothRate(time.monotonic())
            self._is_prepared = True
            self._total = total
            self._bar.update(self._task, total=total)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._rate = SmoothRate(self._started)
        self._tokens_before = self._tokens_seen = GENERATED_TOKENS.total
        self._token_rate = SmoothRate(self._started, memory_s=20.0)
        self._task = self._bar.add_task(self._label, total=self._total, completed=self._done_before)
        self._bar.start()
        if self._is_live:
            _live_bars.append(self)
        elif not self._is_quiet:
            threading.Thread(target=self._print_lines, name="understudy-progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._bar.stop()
        if self._is_live:
            _live_bars.remove(self)
        elif not self._is_quiet:
            before = f", {self._done_before} from before" if self._done_before else ""
            self._print(f"{self._count()} in {time.monotonic() - self._started:.1f} s{before}")

    def _print_lines(self) -> None:
        while not self._ended.wait(LINE_EVERY_S):
            left = self._left()
            after = f"{self._count()} after {_clock(time.monotonic() - self._started)}"
            self._print(f"{after}, {left} left" if left else after)

    def _print(self, status: str) -> None:
        line = f"{self._label}: {status}  {self._rest()}".rstrip()
        with contextlib.suppress(OSError):  # a full disk, which holds standard error, does not end the work
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _count(self) -> str:
        done = math.floor(self._done + 1e-6)  # parts of steps add up to a whole one only nearly
        return f"{done}" if self._total is None else f"{done}/{self._total}"

    def _left(self) -> str:
        if self._total is None or self._total <= self._done:
            return ""
        left_s = self._rate.left_s(self._total - self._done, time.monotonic())
        return "" if left_s is None else _clock(left_s)

    def _rest(self) -> str:
        return " · ".join(filter(None, [_rate_text(self._rate.per_s), self._tokens(), self._facts]))

    def _tokens(self) -> str:
        total, now = GENERATED_TOKENS.total, time.monotonic()
        with self._lock:
            self._token_rate.advance(total - self._tokens_seen, now)
            self._tokens_seen = total
        generated = total - self._tokens_before
        return f"{generated:,} tokens generated, {self._token_rate.per_s:.0f}/s" if generated else ""


def print_above_bars(line: str, console: Console) -> None:
    """Print a line of results. On a terminal that shows a bar it goes above the bar, never behind it on its line."""
    target = _live_bars[-1]._console if _live_bars and console.is_terminal else console
    target.print(line, markup=False, highlight=False, soft_wrap=True)


class _Said(ProgressColumn):
    """A column whose text is computed whenever the bar is drawn."""

    def __init__(self, say: Callable[[], str]) -> None:
        super().__init__()
        self._say = say

    def render(self, task: Task) -> Text:  # noqa: ARG002  the text knows its own progress
        return Text(self._say())


def _rate_text(per_s: float) -> str:
    """``12/s``, or ``30 s each`` for what takes longer than a second."""
    if not per_s:
        return ""
    return f"{per_s:.3g}/s" if per_s >= 1 else f"{1 / per_s:.3g} s each"


def _clock(seconds: float) -> str:
    minutes, left_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{left_s:02d}"


_live_bars: list[Progress] = []
