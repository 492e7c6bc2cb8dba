"""Grounding: whether an observation of the attempt contains the reference answer.

In: a trajectory. Out: yes, no, or None if the question does not apply. Not here: whether the answer is right.

Only observations from the first tool call on count: a guess that the code itself printed is not evidence.
"""

from __future__ import annotations

import re
import unicodedata

from understudy.records import Role, Task, TaskKind, Trajectory

_TOKEN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|[^\W_]+")
_ARTICLES = frozenset({"a", "an", "the"})
_CLOSED = frozenset({"yes", "no", "true", "false"})
"""Answers to closed questions: a page that contains the word proves nothing."""
FINAL_TOOL = "final_answer"


def answer_in_text(answer: str, text: str) -> bool:
    """Whether the text contains the answer's tokens in sequence, as whole tokens, and numbers as numbers."""
    wanted, there = _tokens(answer), _tokens(text)
    if not wanted:
        return False
    # With blanks on both sides, a substring test compares whole tokens, at the speed of ``str.find``.
    return f" {' '.join(wanted)} " in f" {' '.join(there)} "


def _tokens(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    tokens = (_number_spelling(token) for token in _TOKEN.findall(folded))
    return [token for token in tokens if token not in _ARTICLES]


def _number_spelling(token: str) -> str:
    if not token[0].isdigit():
        return token
    plain = token.replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def has_meaning(task: Task) -> bool:
    """Whether a page could contain the answer: a known fact that is more than yes or no."""
    is_known_fact = task.kind is TaskKind.FACT and task.answer is not None
    return is_known_fact and task.references[0].strip().casefold() not in _CLOSED


def is_grounded(trajectory: Trajectory) -> bool | None:
    """Whether an observation contains the reference answer or an alias.

    None for mathematical and closed questions, and for attempts that never ran code.
    """
    if not has_meaning(trajectory.task) or all(step.execution_status is None for step in trajectory.steps):
        return None
    answers = trajectory.task.references
    return any(answer_in_text(answer, text) for text in _observations(trajectory) for answer in answers)


def _observations(trajectory: Trajectory) -> list[str]:
    """What the model read after the first step that called a tool."""
    calls = (s for s in trajectory.steps if any(call.name != FINAL_TOOL for call in s.tool_calls))
    first = next(calls, None)
    if first is None:
        return []
    return [m.content for m in trajectory.messages[first.message_index + 1 :] if m.role in (Role.USER, Role.TOOL)]
