"""Runs the host functions that sandboxed code calls, and returns their answers to the loop.

In: actions that call. Out: answers, in the thread of the loop. Calls of a single action run in the loop's thread; calls
of branches run side by side in a pool, so eight branches wait for eight searches as long as for one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from concurrent.futures import Executor
from typing import Protocol

from understudy.sandbox.action import Action
from understudy.sandbox.calls import Answer, Call


class Answering(Protocol):
    """Runs the functions."""

    def ask(self, action: Action, call: Call) -> None: ...
    def deliver(self) -> None: ...
    def fileno(self) -> int | None: ...
    def close(self) -> None: ...


class InThisThread:
    """For one action: the function runs in the thread that drives it."""

    def ask(self, action: Action, call: Call) -> None:
        action.calls.answer(call, action.answered)

    def deliver(self) -> None:
        """Every answer is delivered at once."""

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """There is nothing to close."""


class InThreads:
    """For branches: functions are asked side by side."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._arrived: deque[tuple[Action, Answer | BaseException]] = deque()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._is_closed = False

    def ask(self, action: Action, call: Call) -> None:
        self._executor.submit(self._work, action, call)

    def _work(self, action: Action, call: Call) -> None:
        try:
            action.calls.answer(call, lambda answer: self._arrive(action, answer))
        except BaseException as error:
            self._arrive(action, error)

    def _arrive(self, action: Action, answer: Answer | BaseException) -> None:
        with self._lock:  # by now the descriptor's number may belong to another file
            if not self._is_closed:
                self._arrived.append((action, answer))
                os.eventfd_write(self._bell, 1)

    def deliver(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        while self._arrived:
            action, answer = self._arrived.popleft()
            if isinstance(answer, BaseException):
                raise answer
            action.answered(answer)

    def fileno(self) -> int | None:
        return self._bell

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            os.close(self._bell)
