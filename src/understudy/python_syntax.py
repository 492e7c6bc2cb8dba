"""Python source as syntax trees, from many threads at once.

In: source text. Out: trees of ``ast``; nothing is compiled or run. CPython 3.11 counts the depth of the tree that it
builds once for all threads (CPython issue 106905), so two threads in ``ast.parse`` can both get a ``SystemError``: all
of this package's parsing waits for one lock. Python's warnings, such as of ``"\\d"``, are neither printed nor raised:
the source is a model's or a user's. Not here: what is made of the trees.
"""

from __future__ import annotations

import ast
import threading
import warnings
from typing import Any

_LOCK = threading.RLock()
"""Also guards the filters of warnings, which are those of the whole process."""


def parse_module(source: str | bytes) -> ast.Module:
    """The tree of statements. Raises as ``ast.parse``: ``SyntaxError``, ``ValueError`` (null bytes),
    ``RecursionError`` and ``MemoryError`` (nested too deeply).
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def parse_expression(source: str) -> ast.expr:
    """The tree of one expression. Raises as ``parse_module``."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, mode="eval").body


def literal_value(source: str) -> Any:
    """The value of a literal, as by ``ast.literal_eval``; ``ValueError`` and ``TypeError`` for anything else."""
    return ast.literal_eval(parse_expression(source.lstrip(" \t")))
