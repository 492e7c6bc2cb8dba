"""Run a command for as long as standard input stays open: ``python supervisor.py command …``.

A server must not outlive the program that started it, even if that program is killed. The program holds the other end
of the pipe, which the kernel closes when the program ends. Then the command's process group is asked to end, and is
killed after ``GRACE_S``. A process of its own waits for this, because whoever ends the program may kill its children
first, as Ray does. The exit status is that of the command.

``process.ServerProcess`` runs this file by its path, so it imports nothing of the package.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

GRACE_S = 10.0


def main(command: list[str]) -> int:
    """Run the command; return its exit status, or 128 + the signal that ended it."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # sent to the whole group: wait for the command, then leave
    guard = os.fork()
    if guard == 0:
        _stop_when_input_ends()
    try:
        # The child inherits the descriptors that were passed to us, such as a listening socket.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False)
        status = child.wait()
    finally:
        os.kill(guard, signal.SIGKILL)
        os.waitpid(guard, 0)
    return status if status >= 0 else 128 - status


def _stop_when_input_ends() -> None:
    """The last signal ends this process too."""
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
