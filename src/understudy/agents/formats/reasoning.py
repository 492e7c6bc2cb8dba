"""A reply without its reasoning. In: the text of a reply. Out: the same text with blanks in place of reasoning between
tags, so that positions stay the same.
"""

from __future__ import annotations

import re

from understudy.models.reasoning import reasoning_spans

_NOT_A_BREAK = re.compile(r"[^\n]")


def without_reasoning(text: str) -> str:
    """The text with a blank in place of each character of reasoning; line breaks stay."""
    for start, end in reasoning_spans(text):
        text = text[:start] + _NOT_A_BREAK.sub(" ", text[start:end]) + text[end:]
    return text
