"""Starts a zygote and sends it requests. The zygote is ours and never runs model-written code, so it is trusted.

In: a ``SandboxConfig``. Out: new episode processes. Safe from many threads; the process of the host itself is never
forked.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from understudy.sandbox.config import Level, SandboxConfig
from understudy.sandbox.execution import IsolationError, SandboxError
from understudy.sandbox.inside.frames import Assembler, Frame, FrameError, pack

_START_S = 120.0
_STOP_S = 10.0
_MAX_FRAME = 4 << 20
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inside.zygote import main; main(int(sys.argv[2]))"
INTERPRETER_FLAGS = ("-s", "-S", "-P", "-X", "utf8")
"""Not ``-I``, which would ignore the hash seed: the environment is ours, and no site is loaded."""
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "OPENBLAS_NUM_THREADS": "1",  # a thread would not survive the fork
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # mimalloc reserves address space, which the memory limit counts
}


@dataclass(frozen=True, slots=True)
class EpisodeRequest:
    """The facts that a new episode's first process needs."""

    functions: tuple[str, ...]
    seed: int
    memory_bytes: int


class Zygote:
    """A running zygote. ``close`` ends it and all its episodes."""

    def __init__(self, config: SandboxConfig) -> None:
        if sys.platform != "linux":
            raise IsolationError(f"the sandbox needs Linux, this is {sys.platform}")
        self._lock = threading.Lock()
        self._socket, self._process = _start(config)
        try:
            self.ready = self._open(config)
        except BaseException:
            self.close()
            raise

    def _open(self, config: SandboxConfig) -> Frame:
        frame: Frame = {
            "t": "open",
            "level": config.level.value,
            "preload": list(config.preload),
            "imports": list(config.imports),
            "path": [] if config.level is Level.DOCKER else [p for p in sys.path if p and Path(p).exists()],
        }
        self._socket.settimeout(_START_S)
        self._socket.sendall(pack(frame))
        assembler = Assembler(_MAX_FRAME)
        try:
            while not (frames := list(assembler.frames())):
                data = self._socket.recv(1 << 16)
                if not data:
                    raise SandboxError(f"the zygote died at its start (exit status {self._process.wait(_STOP_S)})")
                assembler.feed(data)
        except (TimeoutError, FrameError) as error:
            raise SandboxError(f"the zygote did not get ready: {type(error).__name__}: {error}") from None
        if frames[0]["t"] != "ready":
            raise SandboxError(f"the zygote could not load {', '.join(config.preload)}: {frames[0].get('error')}")
        self._socket.settimeout(_STOP_S)
        return frames[0]

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can still start episodes."""
        return self._process.poll() is None

    def dies_within(self, timeout_s: float) -> bool:
        """Whether it ends within that time. A killed process may look alive for a moment."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def episode(self, request: EpisodeRequest) -> socket.socket:
        """Start a new episode; the socket that is returned leads to its first process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        frame: Frame = {
            "t": "episode",
            "functions": list(request.functions),
            "seed": request.seed,
            "memory_bytes": request.memory_bytes,
        }
        try:
            with theirs:
                self._send(frame, theirs.fileno())
        except OSError as error:
            ours.close()
            raise SandboxError(f"the zygote is gone: {error}") from None
        return ours

    def reap(self, pid: int) -> None:
        """Let the zygote collect a killed process, named by its inner pid, so that it does not stay a zombie."""
        self._notify({"t": "reap", "pid": pid})

    def end(self, root: int) -> None:
        """Kill all processes of the episode whose first process has this inner pid."""
        self._notify({"t": "end", "pid": root})

    def _notify(self, frame: Frame) -> None:
        with contextlib.suppress(OSError):  # when a zygote dies, its children die too
            self._send(frame)

    def _send(self, frame: Frame, descriptor: int | None = None) -> None:
        data = pack(frame)
        with self._lock:
            if descriptor is None:
                self._socket.sendall(data)
                return
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            sent = self._socket.sendmsg([data], rights)
            self._socket.sendall(data[sent:])

    def close(self) -> None:
        """Close the connection: the zygote kills every descendant and ends. Closing twice is fine."""
        self._socket.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _start(config: SandboxConfig) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    if config.level is Level.DOCKER:
        from understudy.sandbox import docker

        return docker.start(config.docker_image, _ENVIRONMENT)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    command = [sys.executable, *INTERPRETER_FLAGS, "-c", BOOT, os.fspath(Path(__file__).parent), str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(
            command,
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    return ours, process
