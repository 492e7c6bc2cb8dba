"""Ctrl-C in the command line: one sentence, and the second one ends the program at once.

In: SIGINT. Out: ``KeyboardInterrupt`` the first time; the sentence on standard error and exit status 130 the second
time, whatever the program does then. Not here: what a stage keeps.
"""

from __future__ import annotations

import atexit
import os
import shlex
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

STATUS = 130
_READ_ONLY = ("kinds", "compare", "show", "report", "doctor", "view", "shadow", "init")


class CtrlC:
    """Handles SIGINT from its making on. One per process."""

    def __init__(self) -> None:
        self._came = self._is_said = False
        self.has_commands = False
        """The commands are loaded; before that no work was begun."""
        atexit.register(self._at_exit)  # as the first, so that it runs last
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as with nohup
            signal.signal(signal.SIGINT, self._on_signal)

    def end(self) -> None:
        """Say what is kept and exit. Threads that still wait for a model do not delay this."""
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._say()
        if any(not one.daemon or one.name.startswith("understudy-") for one in _other_threads()):
            # A model may still compute a reply, and torch aborts an interpreter that exits meanwhile.
            _exit_at_once()
        sys.exit(STATUS)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._came:
            self._came = True
            raise KeyboardInterrupt
        self._say()
        _exit_at_once()

    def _at_exit(self) -> None:
        """Python ends by SIGINT itself if the interrupt passed through ``exec`` of a text, as in a dataclass."""
        if self._is_said:
            _exit_at_once()

    def _say(self) -> None:
        if not self._is_said:
            self._is_said = True
            with suppress(OSError, ValueError):
                sys.stderr.write(f"\n{self._sentence()}\n")
                sys.stderr.flush()

    def _sentence(self) -> str:
        if not self.has_commands:
            return "Stopped before any work began."
        command = shlex.join(["understudy", *sys.argv[1:]])
        if sys.argv[1:2] and sys.argv[1] in _READ_ONLY:
            return f"Stopped. To run it again: {command}"
        return f"Stopped. All finished work is kept; to resume: {command}"


def each_interrupt_raises() -> None:
    """From now on each SIGINT raises ``KeyboardInterrupt``: for commands that stop a part of their work by it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as with nohup
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _other_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one is not threading.main_thread()]


def _exit_at_once() -> None:
    with suppress(OSError, ValueError, RuntimeError):  # closed, or in the middle of a write
        sys.stdout.flush()
    os._exit(STATUS)
