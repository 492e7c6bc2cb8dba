"""Stops code, also if it catches every exception.

In: a reason, as an exception that ``except Exception`` does not catch. Out: the same exception raised again at every
next line, call and turn of a loop of that code, until it has ended. Not covered: code that blocks signals or stays in
C; the host ends that by SIGKILL.
"""

from __future__ import annotations

import _thread
import functools
import signal
import sys
from types import CodeType, FrameType
from typing import Any


class FinalAnswer(BaseException):
    """``final_answer`` was called: the run is over."""


class SoftTimeout(BaseException):
    """The host's signal: the action has used up its time."""


class _Alarm:
    """``-alarm`` makes the alarm's handler run at the next call or turn of a loop. An operator, because after a call
    the interpreter would run the handler at once, in the frame of the caller.
    """

    __neg__ = staticmethod(functools.partial(_thread.interrupt_main, signal.SIGXCPU))


_ALARM = _Alarm()


class Stop:
    """Whether and why an action is to end."""

    def __init__(self) -> None:
        self.reason: BaseException | None = None

    def keep_raising(self, reason: BaseException, bottom: CodeType) -> None:
        """Make ``reason`` come up at the next line of every frame above ``bottom``. The caller raises it first."""
        self.reason = reason

        def raise_again(frame: FrameType, event: str, argument: object) -> Any:  # noqa: ARG001
            if event != "line":
                return raise_again
            -_ALARM  # noqa: B018 - a trace function that raises is switched off; the alarm's handler switches it on again
            raise reason

        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code is not bottom:
            if _is_foreign(frame):
                frame.f_trace = raise_again
            frame = frame.f_back
        sys.settrace(lambda frame, *_: raise_again if _is_foreign(frame) else None)


def _is_foreign(frame: FrameType) -> bool:
    """Whether it is code of an action; code of a library may be in the middle of something and is not stopped."""
    return frame.f_globals.get("__name__") == "__main__"
