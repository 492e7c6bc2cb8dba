"""One sandboxed process as the host sees it: its channel, its pid and pidfd from the kernel, its CPU clock.

In: a socket pair's host end. Out: signals, CPU seconds, exit status. Everything comes from the kernel, nothing from
the process itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from understudy.records import ExecutionStatus
from understudy.sandbox.channel import Channel
from understudy.sandbox.execution import SandboxError

_PROCESS_CPU_CLOCK = 2


class Process:
    """A process that has sent its first frame. ``close`` kills it and frees the host's descriptors."""

    def __init__(self, channel: Channel, parent: Process | None = None) -> None:
        """``parent`` is who forked it, if that is not the zygote. Raises ``OSError``, ``SandboxError``."""
        self.channel = channel
        self.pid = channel.pid
        self.group: int = parent.group if parent else self.pid
        """Process group of its episode: the pid of the episode's first process."""
        self._pidfd = os.pidfd_open(self.pid)
        # A process that died since its hello could have left its number to a stranger, but not its group.
        if os.getpgid(self.pid) != self.group:
            os.close(self._pidfd)
            raise SandboxError(f"process {self.pid} is not in the group {self.group} of its episode")
        self.inner_pid: int = self.pid if parent and parent.inner_pid == parent.pid else _innermost(self.pid)
        """Its number if the zygote lives, which is another one inside a container."""
        self._last_cpu_s = 0.0
        self._lock = threading.Lock()
        """A signal from another thread must not meet a closed descriptor, which may already name another process."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to exactly this process, if it still exists."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.signal(signal.SIGKILL)

    def cpu_s(self) -> float:
        """CPU seconds of this process by the kernel's count; once it is gone, the last value read."""
        with contextlib.suppress(OSError):
            self._last_cpu_s = time.clock_gettime((~self.pid << 3) | _PROCESS_CPU_CLOCK)
        return self._last_cpu_s

    def death_signal(self) -> int | None:
        """Signal that ended it, 0 for an exit, None if unknown. Waits up to half a second for its end."""
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                return None
            if fields[0] in ("Z", "X"):
                return int(fields[49]) & 0x7F
            time.sleep(0.002)
        return None

    def close(self) -> None:
        """Kill it and free its descriptors."""
        self.kill()
        with self._lock:
            if self._pidfd < 0:
                return
            os.close(self._pidfd)
            self._pidfd = -1
        self.channel.close()


def _innermost(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return pid
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    return int(line.split()[-1]) if line else pid


def explain_death(number: int | None) -> tuple[ExecutionStatus, str, str]:
    """Status, name and message for a process that ended by signal ``number``, 0 being an exit of its own."""
    if number == signal.SIGSYS:
        return ExecutionStatus.VIOLATION, "Violation", "the code made a system call that nothing honest makes"
    if number == signal.SIGKILL:
        return ExecutionStatus.MEMORY, "MemoryError", "the machine ran out of memory and the code was stopped"
    if number == signal.SIGXCPU:
        return ExecutionStatus.TIMEOUT, "Timeout", "the code ran out of time and was stopped"
    how = "ended by itself" if not number else f"died of {signal.Signals(number).name}" if number < 32 else "died"
    return ExecutionStatus.CRASHED, "Crash", f"the Python process {how}"
