"""Runs environments in separate processes.

In: a config. Out: a ``Zygote``, which loads the environment's code once and forks a process for each attempt. Each
process has a ``Backend``; forking the backend forks the process. If a process dies, the error is an
``EnvironmentFailedError``. Linux only. Not here: the code that runs in the process (``worker.py``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from understudy.environments.environment import Action, EnvironmentFailedError
from understudy.environments.wire import receive, send
from understudy.records import Task
from understudy.registry import PartConfig

_START_S = 120.0
"""Time to load Python and the environment's module, once; on a busy machine this is slow."""


class Zygote:
    """A process that starts on first use. Safe to call from many threads."""

    def __init__(self, config: PartConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Line | None = None

    def make(self, task: Task, actions: tuple[Action, ...]) -> IsolatedBackend:
        """Start a process with the environment of one attempt. Raises ``EnvironmentFailedError``."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._line is not None
            line = self._line.fork()
        backend = IsolatedBackend(line, actions)
        try:
            line.ask("make", task)
        except BaseException:
            backend.close()
            raise
        return backend

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "understudy.environments.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self._line = Line(self._config.kind, ours)
        self._line.tell(({"kind": self._config.kind, **self._config.model_dump(mode="json")}, sys.path))

    def close(self) -> None:
        """End the process. The processes of attempts end with their worlds."""
        with self._lock:
            if self._line is not None:
                self._line.close()
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            self._line = self._process = None


class Line:
    """A connection to one process."""

    def __init__(self, kind: str, sock: socket.socket) -> None:
        self._kind = kind
        self._sock = sock
        self._process: int | None = None
        """A file descriptor of the process. Unlike a process id, it never refers to another process."""
        sock.settimeout(_START_S)

    def tell(self, value: object, descriptors: tuple[int, ...] = ()) -> None:
        """Send a value. Raises ``EnvironmentFailedError``, as all methods do."""
        try:
            send(self._sock, value, descriptors)
        except OSError as error:
            raise self._died(error) from error

    def hear(self) -> Any:
        """The next answer. Raises the exception that was raised in the process."""
        try:
            how, value = receive(self._sock)
        except (EOFError, OSError) as error:
            raise self._died(error) from error
        if how == "raise":
            raise value
        return value

    def ask(self, name: str, *arguments: object) -> Any:
        """Call a method of the environment."""
        self.tell((name, arguments))
        return self.hear()

    def fork(self) -> Line:
        """A connection to a copy of the process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        made = Line(self._kind, ours)
        try:
            with theirs:
                self.tell(("fork", ()), (theirs.fileno(),))
            pid = made.hear()
            with contextlib.suppress(ProcessLookupError):
                made._process = os.pidfd_open(pid)
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        """End the process, even if it is busy. Closing twice is allowed."""
        self._sock.close()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)

    def _died(self, error: Exception) -> EnvironmentFailedError:
        return EnvironmentFailedError(f"environment {self._kind}: its process does not answer ({error!r})")


class IsolatedBackend:
    """An environment in another process."""

    def __init__(self, line: Line, actions: tuple[Action, ...]) -> None:
        self._line = line
        self.actions = actions

    def call(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        return self._line.ask("call", name, args, kwargs)

    def begin_turn(self, turn: int) -> frozenset[str]:
        held_back: frozenset[str] = self._line.ask("begin_turn", turn)
        return held_back

    def user_says(self, turn: int, answer: str) -> str | None:
        said: str | None = self._line.ask("user_says", turn, answer)
        return said

    def state(self) -> Mapping[str, JsonValue]:
        state: Mapping[str, JsonValue] = self._line.ask("state")
        return state

    def fork(self) -> IsolatedBackend:
        return IsolatedBackend(self._line.fork(), self.actions)

    def close(self) -> None:
        self._line.close()
