"""An event loop for ``asyncio.run`` where no socket can be opened: coroutines and sleeps, nothing that waits for data.

In: coroutines. Out: what they return. Threads, connections and subprocesses are refused by the kernel, in the words of
the function that asked for them.
"""

from __future__ import annotations

import time
from asyncio import base_events, unix_events
from typing import Any


class _Sleeper:
    """Replaces a loop's selector: sleeps until the next timer is due."""

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise RuntimeError("asyncio: every task waits, and nothing is left that could wake one")
        if timeout > 0:
            time.sleep(timeout)
        return []


class SleepingLoop(base_events.BaseEventLoop):
    """A loop that holds no descriptor."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Sleeper()

    def _process_events(self, event_list: list[object]) -> None:
        """Nothing ever comes from outside."""

    def _write_to_self(self) -> None:
        """There is one thread, so no other one must be woken."""


def install() -> None:
    """Make ``asyncio.run`` open this loop."""
    names = ("_UnixDefaultEventLoopPolicy", "_DefaultEventLoopPolicy")  # before and from Python 3.14
    policy: Any = next(getattr(unix_events, name) for name in names if hasattr(unix_events, name))
    policy._loop_factory = SleepingLoop
