"""Stores exchanges without delaying a client: a thread writes the lines; failures are reported and counted.

In: exchanges and feedback. Out: lines in a ``Store``; figures for ``/understudy/health``. Not here: HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from understudy.recorder.exchange import Exchange, line_of
from understudy.recorder.store import Store

_SAID_EVERY_S = 10.0


class Keeper:
    """Writes lines in their order. It has to be closed."""

    def __init__(self, store: Store, *, patience_s: float, say: Callable[[str], None]) -> None:
        """``patience_s``: how long ``keep`` waits for the disk."""
        self._store, self._patience_s, self._say = store, patience_s, say
        # One thread, so that lines are in the order in which answers ended.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="understudy-recorder")
        self._said_at = -_SAID_EVERY_S
        self._n_unsaid = 0
        self._n_stored = self._n_failed = self._n_late = 0
        self._last_error = ""

    async def keep(self, exchange: Exchange) -> None:
        """Store an exchange. It never raises: a failure is reported and counted."""
        writing = asyncio.get_running_loop().run_in_executor(self._pool, self._write, exchange)
        _, late = await asyncio.wait({writing}, timeout=self._patience_s)
        if late:
            self._n_late += 1
            self._complain(f"storing takes longer than {self._patience_s:g} s; answers do not wait for it")

    async def keep_line(self, make: Callable[[], bytes]) -> None:
        """Make and store a line for which nobody waits. It never raises, like ``keep``."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._append, make)

    def append(self, line: bytes) -> None:
        """Write a line now. Raises ``StoreError``."""
        self._pool.submit(self._store.append, line).result()
        self._n_stored += 1

    def figures(self) -> dict[str, Any]:
        """The numbers of stored and of not stored exchanges."""
        return {
            "stored": self._n_stored,
            "not_stored": self._n_failed,
            "late": self._n_late,
            "bytes": self._store.n_bytes,
            "folder": str(self._store.folder),
            "last_error": self._last_error,
        }

    def close(self) -> None:
        """Wait until everything is written."""
        self._pool.shutdown(wait=True)

    def _write(self, exchange: Exchange) -> None:
        self._append(lambda: line_of(exchange))

    def _append(self, make: Callable[[], bytes]) -> None:
        try:
            self._store.append(make())
            self._n_stored += 1
        except Exception as error:  # whatever the error is, the client must get its answer
            self._n_failed += 1
            self._last_error = str(error) or type(error).__name__
            self._complain(f"an exchange was not stored: {self._last_error}")

    def _complain(self, what: str) -> None:
        """Report it, but not for every request."""
        self._n_unsaid += 1
        now = time.monotonic()
        if now - self._said_at >= _SAID_EVERY_S:
            times = f" ({self._n_unsaid} times)" if self._n_unsaid > 1 else ""
            self._said_at, self._n_unsaid = now, 0
            self._say(f"{what}{times}")
