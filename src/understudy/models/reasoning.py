"""Reasoning that a model writes into its reply, between tags such as ``<think>`` and ``</think>``.

In: the text of a reply. Out: the positions of the reasoning. Reasoning is a draft: no stop string in it ends the reply,
and no code in it is an action. If a chat template has written the opening tag into the prompt, all text before the
closing tag is reasoning. Not here: reasoning that a server returns in a separate field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NAMES = r"(?:think|thinking|thought|reasoning|seed:think)"
_REASONING = re.compile(rf"<(?P<name>{_NAMES})>.*?</(?P=name)>|\[THINK\].*?\[/THINK\]", re.DOTALL | re.IGNORECASE)
_CLOSING_TAG = re.compile(rf"</{_NAMES}>|\[/THINK\]", re.IGNORECASE)


def reasoning_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each closed block of reasoning, tags included. An open tag that is not closed is text."""
    spans = [found.span() for found in _REASONING.finditer(text)]
    closing = next(_lone_closings(text, spans), None)
    if closing is not None:
        yield 0, closing
    yield from (span for span in spans if closing is None or span[0] >= closing)


def _lone_closings(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    for tag in _CLOSING_TAG.finditer(text):
        if not any(start <= tag.start() < end for start, end in spans) and _stands_at_an_edge(text, tag):
            yield tag.end()


def _stands_at_an_edge(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag begins or ends its line. Otherwise it is inside a string of code."""
    line_start = text.rfind("\n", 0, tag.start()) + 1
    line_end = text.find("\n", tag.end())
    before, after = text[line_start : tag.start()], text[tag.end() : line_end if line_end >= 0 else None]
    return not before.strip() or not after.strip()
