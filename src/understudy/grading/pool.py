"""A few worker processes for symbolic comparison: started when first needed, killed when late, and replaced.

In: two LaTeX texts. Out: a reply, which may say that there is no verdict. Not here: the comparison (``symbolic``),
the callers (``math_grader``).
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO

from understudy.closing import Closing
from understudy.grading.worker import LENGTH, MAX_MESSAGE_BYTES, read_message, write_message

START_TIMEOUT_S = 120.0
"""A cold import of sympy on a busy machine takes long; it happens once for each process."""

GRACE_S = 60.0
"""A worker stops late comparisons itself; it is killed from here only if it does not answer for this long."""


class WorkerStartError(Exception):
    """A worker process did not start: an error of the environment, not of an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker found."""

    equal: bool | None
    """None if the comparison did not finish or could not decide."""
    how: str
    cpu_s: float
    """CPU seconds of the comparison; starting a process is not part of it."""


class WorkerPool(Closing):
    """At most ``n_workers`` processes. Safe to call from many threads. A context manager; leaving it stops all
    processes.
    """

    def __init__(self, n_workers: int, deadline_s: float, memory_bytes: int) -> None:
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._closed = False
        # A slot holds an idle worker, or None: a worker may be started.
        self._places: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(n_workers):
            self._places.put(None)
        self.n_started = 0
        """Number of processes started so far, replacements included."""

    def ask(self, reference: str, answer: str, timeout_s: float | None = None, way: str = "values") -> Reply:
        """Compare two formulas. There is no verdict if this takes longer than the deadline."""
        place = self._places.get()
        worker: _Worker | None = None
        try:
            worker = place or self._start()
            limit_s = min(self._deadline_s, self._deadline_s if timeout_s is None else timeout_s)
            reply = worker.ask(way, reference, answer, limit_s)
            if reply is None:
                self._discard(worker)
                worker = None
                return Reply(None, "the process for symbolic comparison did not answer", limit_s)
            return reply
        except BaseException:
            if worker is not None:
                self._discard(worker)
                worker = None
            raise
        finally:
            self._places.put(worker)

    def _start(self) -> _Worker:
        worker = _Worker(self._deadline_s, self._memory_bytes)
        with self._lock:
            self._workers.add(worker)
            self.n_started += 1
            if self._closed:
                worker.kill()
                raise WorkerStartError("the grader is closed")
        worker.wait_until_ready()
        return worker

    def _discard(self, worker: _Worker) -> None:
        worker.kill()
        with self._lock:
            self._workers.discard(worker)

    def close(self) -> None:
        """Stop all processes. Closing twice is fine."""
        with self._lock:
            self._closed = True
            workers, self._workers = list(self._workers), set()
        for worker in workers:
            worker.kill()


class _Worker:
    """One process and its two pipes."""

    def __init__(self, deadline_s: float, memory_bytes: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "understudy.grading.worker", str(memory_bytes), str(deadline_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
        )
        self._requests = _opened(self._process.stdin)
        self._replies = _opened(self._process.stdout)

    def wait_until_ready(self) -> None:
        if _receive(self._replies, START_TIMEOUT_S) is None:
            ended = self._process.poll()
            self.kill()
            how = f"within {START_TIMEOUT_S:.0f} s" if ended is None else f"and ended with code {ended}"
            raise WorkerStartError(
                f"the process for symbolic comparison did not start {how}; "
                f"try: {sys.executable} -c 'import understudy.grading.symbolic'"
            )

    def ask(self, way: str, reference: str, answer: str, timeout_s: float) -> Reply | None:
        try:
            request = {"way": way, "reference": reference, "answer": answer, "limit_s": timeout_s}
            write_message(self._requests, request)
            reply = _receive(self._replies, timeout_s + GRACE_S)
        except (BrokenPipeError, ValueError):
            return None
        if reply is None:
            return None
        return Reply(
            None if reply["equal"] is None else bool(reply["equal"]), str(reply["how"]), float(str(reply["cpu_s"]))
        )

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._requests, self._replies):
            # Unsent data has no reader any more.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _receive(stream: IO[bytes], timeout_s: float) -> dict[str, object] | None:
    """One message; None after the deadline or at the end of the stream."""
    deadline = time.monotonic() + timeout_s
    content = bytearray()
    wanted = LENGTH.size
    while len(content) < wanted:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
            return None
        chunk = os.read(stream.fileno(), wanted - len(content))
        if not chunk:
            return None
        content += chunk
        if len(content) == LENGTH.size == wanted:
            wanted += min(LENGTH.unpack(content)[0], MAX_MESSAGE_BYTES)
    return read_message(io.BytesIO(content))
