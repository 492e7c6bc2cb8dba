"""The process of isolated environments: it forks itself for each attempt and for each copy of a world.

In: frames (``wire.py``) that name a method to call. Out: one answer for each. The process has one thread, so a fork
copies everything: objects, modules, in-memory connections. Not here: the other end (``isolated.py``).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from understudy.environments.config import ENVIRONMENTS
from understudy.environments.local import LocalBackend, make_environment
from understudy.environments.wire import receive_with_descriptor, send
from understudy.registry import PartConfig
from understudy.tools import ToolError


class _Server:
    """Serves one connection. The first process has no environment yet."""

    def __init__(self, sock: socket.socket, config: PartConfig) -> None:
        self._sock = sock
        self._config = config
        self._backend: LocalBackend | None = None
        self._children: list[int] = []

    def serve(self) -> None:
        """Answer requests until the other end closes the connection."""
        while True:
            self._children = [pid for pid in self._children if os.waitpid(pid, os.WNOHANG)[0] == 0]
            try:
                (name, arguments), descriptor = receive_with_descriptor(self._sock)
            except (EOFError, OSError):
                return
            if name == "fork" and descriptor is not None:
                self._fork(descriptor)
            else:
                send(self._sock, self._answer(name, arguments))

    def _fork(self, descriptor: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._children = []
            self._sock.close()
            self._sock = socket.socket(fileno=descriptor)
            send(self._sock, ("answer", os.getpid()))
        else:
            self._children.append(pid)
            os.close(descriptor)

    def _answer(self, name: str, arguments: tuple[Any, ...]) -> tuple[str, object]:
        try:
            return "answer", self._done(name, arguments)
        except ToolError as error:  # includes EnvironmentFailedError; the class is sent too
            return "raise", error
        except Exception as error:  # raised by an action: the model reads it
            return "raise", ToolError(f"{arguments[0]} failed: {type(error).__name__}: {error}")

    def _done(self, name: str, arguments: tuple[Any, ...]) -> object:
        if name == "make":
            self._backend = LocalBackend(self._config.kind, make_environment(self._config, *arguments))
            return None
        return getattr(self._backend, name)(*arguments)


def main() -> None:
    """``python -m understudy.environments.worker DESCRIPTOR``; the config and ``sys.path`` are received first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[1]))
    (config, path), _ = receive_with_descriptor(sock)
    sys.path[:] = path
    _Server(sock, ENVIRONMENTS.validate(config)).serve()


if __name__ == "__main__":
    main()
