r"""From a reply to its thought and code, or to the reason why there is none.

The format (paper, appendix B, and smolagents before it)::

    Thought: …
    Code:
    ```py
    …
    ```<end_code>

In: the text of a reply and why the model stopped. Out: ``ParsedReply``. Generation stops at ``<end_code>``, and servers
leave the stop string out: ``completed`` puts it back, so that what is stored, and later trained, is complete.
Not covered: running anything. Code is only parsed, never compiled or executed here.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings
from dataclasses import dataclass

from understudy.records import FinishReason, ParseProblem

THOUGHT_LABEL = "Thought:"
END_CODE = "<end_code>"
STOP_STRINGS = (END_CODE, "Observation:", "Calling tools:")
MAX_CODE_CHARS = 100_000
"""Longer code is refused unread: Python's parser needs memory in proportion."""

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[ \t]*(?:<end_code>[ \t]*)?$")
_PYTHON_NAMES = ("", "py", "python")
_WARNINGS_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a reply holds. Exactly one of ``code`` and ``problem`` is there."""

    thought: str
    code: str | None = None
    problem: ParseProblem | None = None
    detail: str = ""
    """For the model to read: what is wrong with the syntax."""


def parse_reply(text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:
    """Find the one code block of a reply.

    A reply that was cut by the token limit counts as whole only where its block was closed and nothing follows it.
    """
    body = text.strip()
    blocks, is_open, tail = _blocks(body)
    thought = _thought(body)
    if finish_reason is FinishReason.LENGTH and (is_open or len(blocks) != 1 or tail):
        return ParsedReply(thought, problem=ParseProblem.CUT_BY_LENGTH)
    if not body.removesuffix(END_CODE).strip():
        return ParsedReply("", problem=ParseProblem.EMPTY)
    if len(blocks) + is_open > 1:
        return ParsedReply(thought, problem=ParseProblem.SEVERAL_BLOCKS)
    if not blocks or not blocks[0].strip():
        return ParsedReply(thought, problem=ParseProblem.NO_CODE)
    error = syntax_error(blocks[0])
    if error:
        return ParsedReply(thought, problem=ParseProblem.SYNTAX_ERROR, detail=error)
    return ParsedReply(thought, code=blocks[0])


def completed(text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:
    """The reply as it is stored: ``<end_code>`` is put back after a closed block that ends the reply."""
    body = text.rstrip()
    blocks, is_open, tail = _blocks(body.strip())
    if finish_reason is FinishReason.LENGTH and len(blocks) != 1:
        return text
    if not blocks or is_open or tail or body.endswith(END_CODE):
        return text
    return body + END_CODE


def syntax_error(code: str) -> str:
    """What is wrong with the syntax, for a model to read; empty where nothing is."""
    if len(code) > MAX_CODE_CHARS:
        return f"the code has {len(code)} characters; at most {MAX_CODE_CHARS} are read"
    try:
        # Python's warnings are process-wide, and a warning about "\d" must neither be printed nor become an error.
        with _WARNINGS_LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        line = (error.text or "").strip()
        shown = f" in {line!r}" if line and len(line) <= 200 else ""
        return f"{type(error).__name__}: {error.msg} (line {error.lineno}){shown}"
    except (RecursionError, MemoryError):
        return "the code is nested too deeply"
    except (ValueError, UnicodeError) as error:  # null bytes, lone surrogates
        return f"the code cannot be read: {error}"
    return ""


def _blocks(body: str) -> tuple[list[str], bool, str]:
    """Python blocks that are closed, whether one is left open, and the text after the last block."""
    blocks: list[str] = []
    lines: list[str] | None = None  # of the block that is open
    is_python = False
    tail: list[str] = []
    for line in body.split("\n"):
        fence = _FENCE.match(line)
        if lines is None:
            tail.append(line)
            if fence:
                lines, is_python = [], fence[1].lower() in _PYTHON_NAMES
        elif fence and not fence[1]:
            if is_python:
                blocks.append("\n".join(lines))
                tail = []
            lines = None
        else:
            lines.append(line)
    return blocks, lines is not None and is_python, "\n".join(tail).removesuffix(END_CODE).strip()


def _thought(body: str) -> str:
    before = re.split(r"^[ \t]*(?:Code:[ \t]*$|```)", body, maxsplit=1, flags=re.MULTILINE)[0]
    return before.strip().removeprefix(THOUGHT_LABEL).strip()
