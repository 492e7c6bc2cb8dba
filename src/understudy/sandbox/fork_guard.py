"""Permits or refuses each fork of one episode, by seccomp user notification.

In: the listener that came with an episode's first frame. Out: forks are permitted to the process that the host asked
to fork, as often as it was asked; every other one fails with EPERM. The call's arguments are in registers, so they
cannot change after the check.
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


class ForkGuard:
    """Which process may fork, and how often."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._parent, self._left = 0, 0

    def fileno(self) -> int:
        """For ``poll``."""
        return self._listener

    def permit(self, parent: int, n_forks: int) -> None:
        """Permit ``parent``, and no other process, to fork this many times."""
        self._parent, self._left = parent, n_forks

    def answer(self) -> None:
        """Answer one waiting request."""
        question = bytearray(_NOTIFICATION_BYTES)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, question)
            number, pid, _ = _NOTIFICATION.unpack_from(question)
            granted = self._left > 0 and pid == self._parent
            self._left -= granted
            response = _RESPONSE.pack(number, 0, 0, _CONTINUE) if granted else _RESPONSE.pack(number, 0, -_EPERM, 0)
            fcntl.ioctl(self._listener, _RESPOND, response)
        except OSError:
            pass  # the process that asked has died

    def close(self) -> None:
        """All further forks fail."""
        os.close(self._listener)
