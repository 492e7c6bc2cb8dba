"""One server process, controlled by its handle.

In: a command and the URL of its health check, or the options of a server of one model. Out: a running server inside a
``with`` block, and nothing after it. The
process leads its own process group; only that group is stopped at the end, never a process found by its name. If this
program is killed, the group ends as well (see ``supervisor``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import httpx
from pydantic import AfterValidator, Field, PositiveFloat, ValidationInfo

from understudy.annotations import Folders
from understudy.records import Record

STOP_S = 15.0
"""How long a server may take to end after SIGTERM, before it is killed."""
LOG_TAIL_CHARS = 4000
LAST_LINES = 8
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
"""Run by its path, because importing the package would cost more than the supervising."""


class ServerStartError(OSError):
    """The server ended or did not become healthy in time; the message has the end of its log."""


class ServerMissingError(OSError):
    """The program of a server is not installed; the message says how to install it."""


def _absolute(executable: str, info: ValidationInfo) -> str:
    """A path is looked for as all paths of a recipe are; a name is looked for on the PATH when the server starts."""
    if not {"/", "~"} & set(executable):
        return executable
    folders = info.context.folders if isinstance(info.context, Folders) else (Path.cwd(),)
    places = [folder / Path(executable).expanduser() for folder in folders]
    return str(next((place for place in places if place.exists()), places[-1]))


class ProgramOptions(Record):
    """How the program of a server is started."""

    executable: Annotated[str, AfterValidator(_absolute)] = ""
    """Name on the PATH, or path. Empty: the program's usual name."""
    extra_arguments: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Passed on unchanged, after our own arguments."""
    host: str = "127.0.0.1"
    """Where servers listen. An address of this machine lets workers on other machines reach them."""
    deadline_s: PositiveFloat = 1800.0
    """How long a server may take to load."""


class ServerOptions(ProgramOptions):
    """What one server serves."""

    model: Annotated[str, Field(min_length=1)]
    """Path of the weights; for vLLM also a Hub id."""
    served_name: Annotated[str, Field(min_length=1)] = "student"
    """The name of the weights in requests."""
    port: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """0 takes a free port."""


class ServerProcess:
    """A context manager that starts a server, waits until it is healthy, and stops it."""

    def __init__(
        self,
        command: Sequence[str],
        health_url: str,
        *,
        deadline_s: float,
        pass_fds: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        """``deadline_s``: how long the server may take to answer ``health_url`` with 200. ``environment``: variables
        beside ours. ``cancelled``: ends the wait for the server.
        """
        self._command = list(command)
        self._health_url = health_url
        self._deadline_s = deadline_s
        self._pass_fds = pass_fds
        self._environment = {**os.environ, **environment} if environment else None
        self._cancelled = cancelled or threading.Event()

    def __enter__(self) -> Self:
        """Raises ``ServerStartError``, and ``FileNotFoundError`` for a command that does not exist."""
        self._log = tempfile.TemporaryFile(prefix="understudy-server-")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_SUPERVISOR), *self._command],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self._pass_fds,
                env=self._environment,
            )
        except BaseException:
            self._log.close()
            raise
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the group's leader."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the command, or its supervisor, is not running any more."""
        return self._process.returncode is not None or self._has_ended()

    def explained(self, what: str) -> str:
        """The command's name, ``what`` happened, and the last lines of the server's log."""
        return f"{self._command[0]}: {what}; the end of its log:\n" + "\n".join(self._tail().splitlines()[-LAST_LINES:])

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + self._deadline_s
        wait_s = 0.02
        while time.monotonic() < deadline:
            if self._has_ended():
                self._signal_group(signal.SIGKILL)  # the workers of a leader that is not reaped yet
                self._process.wait()
                raise ServerStartError(
                    self._explain(f"ended with status {self._process.returncode} before it was healthy")
                )
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self._health_url, timeout=5.0).status_code == 200:
                    return
            if self._cancelled.wait(wait_s):
                raise ServerStartError(f"{self._command[0]}: it was stopped before it was healthy")
            wait_s = min(1.0, wait_s * 1.5)
        raise ServerStartError(self._explain(f"was not healthy at {self._health_url} after {self._deadline_s:g} s"))

    def _explain(self, what: str) -> str:
        return f"{' '.join(self._command)}: {what}; the end of its log:\n{self._tail()}"

    def _tail(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - LOG_TAIL_CHARS))
        return self._log.read().decode(errors="replace").strip()

    def stop(self) -> None:
        """Ask the group to end, kill what remains of it, then reap its leader and close our descriptors."""
        if self._process.returncode is None:
            self._signal_group(signal.SIGTERM)
            deadline = time.monotonic() + STOP_S
            while not self._has_ended() and time.monotonic() < deadline:
                time.sleep(0.02)
            # The leader is not reaped yet, so its process id cannot belong to another process.
            self._signal_group(signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._log.close()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextlib.contextmanager
def server_started(options: ServerOptions, command: Callable[[int], Sequence[str]]) -> Iterator[str]:
    """Start the ``command`` that listens on a port, yield the URL that its paths begin with, stop it.

    Raises ``ServerStartError`` with the end of its log.
    """
    port = options.port or free_ports(options.host, 1)[0]
    address = f"http://{options.host}:{port}"
    with ServerProcess(command(port), f"{address}/health", deadline_s=options.deadline_s):
        yield f"{address}/v1"


def free_ports(host: str, n: int) -> list[int]:
    """Free ports for servers that cannot inherit a socket. If another program takes one first, the start fails."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server((host, 0))) for _ in range(n)]
        return [int(probe.getsockname()[1]) for probe in probes]
