"""Is a piece of a reply Python? Code is only parsed here, never compiled or run."""

from __future__ import annotations

import ast
import textwrap

from understudy.python_syntax import literal_value, parse_module

MAX_CODE_CHARS = 100_000
"""Longer code is refused unread: Python's parser needs memory in proportion."""
_ACTING = ("final_answer", "print")
_UNSEEN = dict.fromkeys((0xA0, 0x2007, 0x202F, 0x3000), " ") | dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF))
"""Spaces that Python does not know, and characters of no width, which it refuses outside of strings."""


def readable(code: str) -> str:
    """The code without indentation that all its lines share, or without invisible characters.

    Code that parses is unchanged, and so is code that would not parse afterwards either.
    """
    plain = code.translate(_UNSEEN)
    for other in dict.fromkeys((textwrap.dedent(code), plain, textwrap.dedent(plain))):
        if other != code and syntax_error(code) and not syntax_error(other):
            return other
    return code


def syntax_error(code: str) -> str:
    """What is wrong with the syntax, for a model to read; empty if nothing is."""
    if len(code) > MAX_CODE_CHARS:
        return f"the code has {len(code)} characters; at most {MAX_CODE_CHARS} are read"
    try:
        parse_module(code)
    except SyntaxError as error:
        line = (error.text or "").strip()
        shown = f" in {line!r}" if line and len(line) <= 200 else ""
        return f"{type(error).__name__}: {error.msg} (line {error.lineno}){shown}"
    except (RecursionError, MemoryError):
        return "the code is nested too deeply"
    except (ValueError, UnicodeError) as error:  # null bytes, lone surrogates
        return f"the code cannot be read: {error}"
    return ""


def acts(code: str) -> bool:
    """Whether code that parses prints or answers: then it is an action, even if it looks like an output."""
    return any(_calls(code, name) for name in _ACTING)


def is_literal(code: str) -> bool:
    """Whether code that parses is one bare value, such as an output that a model shows; it has no effect."""
    try:
        literal_value(code.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return True


def gives_answer(code: str) -> bool:
    """Whether code that parses calls ``final_answer``."""
    return _calls(code, "final_answer")


def calls_anything(code: str) -> bool:
    """Whether code parses and calls something: then it is not prose that happens to be valid Python."""
    return not syntax_error(code) and any(isinstance(node, ast.Call) for node in ast.walk(parse_module(code)))


def _calls(code: str, name: str) -> bool:
    if name not in code or syntax_error(code):
        return False
    calls = (node for node in ast.walk(parse_module(code)) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == name for call in calls)
