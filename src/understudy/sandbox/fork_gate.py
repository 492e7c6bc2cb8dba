"""The host's say in every fork of one episode, by seccomp user notification.

In: the listener that came with an episode's first frame. Out: granted forks, as many as the host has asked for, to
the process it has asked; every other one fails with EPERM. The call's arguments are in registers, so what was checked
is what is done.
"""

from __future__ import annotations

import fcntl
import os
import struct

_NOTIFICATION = struct.Struct("=QII")
_NOTIFICATION_BYTES = 80
_RESPONSE = struct.Struct("=QqiI")
_RECEIVE, _RESPOND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_EPERM = 1


class ForkGate:
    """Who may fork, and how often."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._parent, self._left = 0, 0

    def fileno(self) -> int:
        """For ``poll``."""
        return self._listener

    def permit(self, parent: int, n_forks: int) -> None:
        """Let ``parent``, and nobody else, fork so many times."""
        self._parent, self._left = parent, n_forks

    def answer(self) -> None:
        """Answer one question that is waiting."""
        question = bytearray(_NOTIFICATION_BYTES)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, question)
            number, pid, _ = _NOTIFICATION.unpack_from(question)
            granted = self._left > 0 and pid == self._parent
            self._left -= granted
            response = _RESPONSE.pack(number, 0, 0, _CONTINUE) if granted else _RESPONSE.pack(number, 0, -_EPERM, 0)
            fcntl.ioctl(self._listener, _RESPOND, response)
        except OSError:
            pass  # who asked has died

    def close(self) -> None:
        """All further forks fail."""
        os.close(self._listener)
