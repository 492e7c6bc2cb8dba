"""What of a reply is not reasoning.

In: the text of a reply. Out: the same text with blanks for reasoning between tags, so that places stay. Where a chat
template wrote the opening tag into the prompt, all that stands before the closing tag is reasoning.
"""

from __future__ import annotations

import re

from understudy.models.reasoning import CLOSING_TAG, reasoning_spans

_NOT_A_BREAK = re.compile(r"[^\n]")


def without_reasoning(text: str) -> str:
    """The text with each character of reasoning, save line breaks, exchanged for a blank."""
    for start, end in reasoning_spans(text):
        text = text[:start] + _NOT_A_BREAK.sub(" ", text[start:end]) + text[end:]
    closing = CLOSING_TAG.search(text)
    if closing is None or not _stands_at_an_edge(text, closing):
        return text
    return _NOT_A_BREAK.sub(" ", text[: closing.end()]) + text[closing.end() :]


def _stands_at_an_edge(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag begins or ends its line. Inside code it stands in a string."""
    line_start = text.rfind("\n", 0, tag.start()) + 1
    line_end = text.find("\n", tag.end())
    before, after = text[line_start : tag.start()], text[tag.end() : line_end if line_end >= 0 else None]
    return not before.strip() or not after.strip()
