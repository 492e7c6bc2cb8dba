"""Texts of values and errors, as a notebook would show them, from objects that may be hostile or broken.

In: any object, any exception. Out: text. Tracebacks name only lines of the code that was run, with the line itself.
"""

from __future__ import annotations

import linecache
import traceback

_MAX_FRAMES = 6
_MAX_MESSAGE = 2_000


def text_of(value: object) -> str:
    """Text of a value: text as it is, numpy's scalars as the numbers they are, the rest by ``repr``.

    Raises whatever the object's own methods raise.
    """
    is_plain = isinstance(value, str) or (type(value).__module__ == "numpy" and getattr(value, "shape", None) == ())
    return str(value) if is_plain else repr(value)


def cut(text: str, limit: int) -> str:
    """``text`` within ``limit`` characters, with the number of those that were left out."""
    return text if len(text) <= limit else f"{text[:limit]}\n… cut: {len(text) - limit} more characters"


def describe(error: BaseException, name: str) -> str:
    """``ZeroDivisionError: division by zero`` and under it the lines that led there, outermost first."""
    head = f"{type(error).__name__}: {_message(error)}"
    if isinstance(error, SyntaxError) and error.filename == name:
        line = (error.text or "").rstrip("\n")
        return f"{head}\n  line {error.lineno}: {line.strip()}"
    frames = [
        f"  line {frame.lineno}{'' if frame.name == '<module>' else f' in {frame.name}'}: "
        f"{(linecache.getline(frame.filename, frame.lineno or 0)).strip()}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith("<action ")
    ]
    if len(frames) > _MAX_FRAMES:
        frames = [*frames[:2], f"  … {len(frames) - _MAX_FRAMES} more", *frames[-(_MAX_FRAMES - 2) :]]
    return "\n".join([head, *frames])


def _message(error: BaseException) -> str:
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        return "(its message cannot be shown)"
    return message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + "…"
