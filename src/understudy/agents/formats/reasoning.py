"""What of a reply is not reasoning.

In: the text of a reply. Out: the same text with blanks for reasoning between tags, so that places stay.
"""

from __future__ import annotations

import re

from understudy.models.reasoning import reasoning_spans

_NOT_A_BREAK = re.compile(r"[^\n]")


def without_reasoning(text: str) -> str:
    """The text with each character of reasoning, save line breaks, exchanged for a blank."""
    for start, end in reasoning_spans(text):
        text = text[:start] + _NOT_A_BREAK.sub(" ", text[start:end]) + text[end:]
    return text
