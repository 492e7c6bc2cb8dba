"""Standard output and standard error of an episode, sent to the host as it is printed.

In: text. Out: ``out`` frames. Text is sent with every line, so what was printed before a kill is not lost; beyond the
limit it is counted and dropped. Not covered: bytes written to descriptors 1 and 2 directly, which lead to
``/dev/null``.
"""

from __future__ import annotations

import io
from typing import Any

from .pipe import Pipe

_HOLD_CHARS = 2048
"""Text without an end of line is held back up to this length."""
_EAGER_WRITES = 512
"""This many first writes of an action are sent at once, even without an end of line."""


class _Bytes(io.RawIOBase):
    """The code's ``sys.stdout.buffer``."""

    def __init__(self, text: Printed) -> None:
        super().__init__()
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)  # raises TypeError for text and numbers, as files do
        self._text.write(view.tobytes().decode("utf-8", "replace"))
        return view.nbytes


class Printed(io.TextIOBase):
    """A text stream that sends its text to the host."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__()
        self.pipe = pipe
        self.buffer = _Bytes(self)
        self.begin(0)

    def begin(self, limit: int) -> None:
        """Start an action that may print ``limit`` characters."""
        self._left, self.dropped, self._writes = limit, 0, 0
        self._held: list[str] = []
        self._is_muted = False
        self._held_chars = 0

    def mute(self) -> None:
        """Drop what is printed from here on: the action has ended, even if its code has not."""
        self.flush()
        self._left, self._is_muted = 0, True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        kept = text[: self._left]
        self._left -= len(kept)
        self.dropped += 0 if self._is_muted else len(text) - len(kept)
        if kept:
            self._held.append(kept)
            self._held_chars += len(kept)
            self._writes += 1
            if self._writes <= _EAGER_WRITES or "\n" in kept or self._held_chars > _HOLD_CHARS:
                self.flush()
        return len(text)

    def flush(self) -> None:
        if self._held:
            text = "".join(self._held)
            self._held, self._held_chars = [], 0
            self.pipe.send({"t": "out", "text": text})
