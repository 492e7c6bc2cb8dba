"""Reasoning that a model writes into its reply, between tags such as ``<think>`` and ``</think>``.

In: the text of a reply. Out: where the reasoning stands. What stands there is a draft: no stop string in it ends the
reply, and no code in it is an action. Not here: reasoning that a server returns in a field of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAMES = r"(?:think|thinking|thought|reasoning|seed:think)"
_REASONING = re.compile(rf"<(?P<name>{_NAMES})>.*?</(?P=name)>|\[THINK\].*?\[/THINK\]", re.DOTALL | re.IGNORECASE)
CLOSING_TAG = re.compile(rf"</{_NAMES}>|\[/THINK\]", re.IGNORECASE)
"""Stands alone where the chat template wrote the opening tag into the prompt."""


def reasoning_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each closed block of reasoning, tags included. An open tag that is not closed is text."""
    yield from (found.span() for found in _REASONING.finditer(text))
