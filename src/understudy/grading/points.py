"""Whether a list of two values, ``[3, 4]``, is the point ``(3, 4)`` or may be a closed interval.

In: the question, and the attempt that gave the answer. Out: True if it is not an interval. Not here: comparing.

A list that a program returned is a list, unless the question is about intervals. Where a model wrote the text, the
question must ask for a point.
"""

from __future__ import annotations

import re

from understudy.records import ExecutionStatus, Trajectory

_INTERVAL = re.compile(
    r"\binterval|\binequalit|\bdomain\b|\brange\b|\bvalues of\b|\bpossible values?\b"
    r"|\ball (?:the )?(?:real|numbers|values)\b|\bset of\b|\bdefined\b|\bbetween which\b|\bbounds?\b"
    r"|\b(?:in|de)creasing on\b"
    r"|[<>≤≥]|\\(?:leq?|geq?|leqslant|geqslant|lt|gt)\b",
    re.IGNORECASE,
)
_POINT = re.compile(
    r"\bordered (?:pair|triple|tuple)|\bcoordinates?\b|\bpoint\b|\bvertex\b|\bmidpoint\b|\bcent(?:er|re)\b"
    r"|\bfoc(?:us|i)\b|\bvector\b|\bcentroid\b|\bpair\b|\blist\b|\barray\b|\btuple\b",
    re.IGNORECASE,
)
_INTERVAL_BY_NAME = re.compile(r"\binterval|\bdomain\b|\brange\b", re.IGNORECASE)
_RETURNS_TEXT = re.compile(r"final_answer\(\s*(?:\w+\s*=\s*)?[A-Za-z]{0,2}[\"']")


def asks_for_point(question: str) -> bool:
    """Whether the question asks for a point, a pair or a list by that name, and speaks of no interval."""
    return bool(_POINT.search(question)) and not _INTERVAL_BY_NAME.search(question)


def may_ask_for_interval(question: str) -> bool:
    """Whether the answer may be an interval: the question speaks of one, or of values within limits."""
    return bool(_INTERVAL.search(question))


def is_point(trajectory: Trajectory) -> bool:
    """Whether two values in square brackets, as this attempt's answer, are a list and no interval."""
    question = trajectory.task.question
    return asks_for_point(question) or (_is_computed(trajectory) and not may_ask_for_interval(question))


def _is_computed(trajectory: Trajectory) -> bool:
    """Whether a program returned the answer as a value; a text that it returned may be an interval again."""
    if not trajectory.steps:
        return False
    last = trajectory.steps[-1]
    if not last.is_final or last.execution_status is not ExecutionStatus.OK:
        return False
    reply = trajectory.messages[last.message_index].content
    return not _RETURNS_TEXT.search(reply)
