r"""First-thought prefixes (paper section 4.1): the beginning of a chain of thought, for an agent run of the same task.

In: chain-of-thought trajectories, their scores if there are any. Out: ``FirstThought`` records, at most one per task,
and counts of the chains without one, by reason. The prefix is the first paragraph. It is never the whole chain of
thought and never contains the answer: without a blank line it is all sentences but the last one, and it ends before the
sentence with ``\boxed``. Its length is limited in any case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records import FirstThought, Record, Role, Score, Trajectory


class FirstThoughtConfig(Record):
    """How prefixes are made from chains of thought."""

    max_chars: Annotated[int, Field(ge=20)] = 600
    only_correct: bool = False
    """Only from chains of thought that were graded correct."""


class NoFirstThought(StrEnum):
    """Why a chain of thought gave no prefix."""

    PROGRAM_FAILURE = "program_failure"
    NOT_CORRECT = "not_correct"
    """Graded wrong, or not graded, while only correct chains may give a prefix."""
    NOTHING_BEFORE_THE_ANSWER = "nothing_before_the_answer"
    TASK_HAS_ONE = "task_has_one"
    """An earlier attempt at the task already gave the prefix."""


@dataclass(frozen=True, slots=True)
class FirstThoughts:
    """Prefixes, and how many chains of thought gave none."""

    thoughts: tuple[FirstThought, ...]
    left_out: Mapping[NoFirstThought, int] = field(default_factory=dict)


def make_first_thoughts(
    trajectories: Iterable[Trajectory], scores: Mapping[str, Score], config: FirstThoughtConfig
) -> FirstThoughts:
    """Take the prefixes of chain-of-thought runs. ``scores``: by trajectory id; may be empty."""
    thoughts: dict[str, FirstThought] = {}
    left_out: Counter[NoFirstThought] = Counter()
    for trajectory in trajectories:
        score = scores.get(trajectory.id)
        found = _first_thought(trajectory, None if score is None else score.correct, config)
        if isinstance(found, NoFirstThought):
            left_out[found] += 1
        elif found.task_id in thoughts:
            left_out[NoFirstThought.TASK_HAS_ONE] += 1
        else:
            thoughts[found.task_id] = found
    return FirstThoughts(tuple(thoughts.values()), dict(left_out))


def first_paragraph(text: str, max_chars: int) -> str:
    """The beginning of a chain of thought; empty if nothing comes before its answer."""
    paragraphs = [part.strip() for part in re.split(r"\n[ \t]*\n", text.strip()) if part.strip()]
    if not paragraphs:
        return ""
    sentences = _sentences(paragraphs[0])
    if len(paragraphs) == 1:
        sentences = sentences[:-1]
    answer_at = next((n for n, sentence in enumerate(sentences) if r"\boxed" in sentence), len(sentences))
    return _up_to(sentences[:answer_at], max_chars)


def _first_thought(
    trajectory: Trajectory, correct: bool | None, config: FirstThoughtConfig
) -> FirstThought | NoFirstThought:
    if trajectory.stop_reason.is_infrastructure_error:
        return NoFirstThought.PROGRAM_FAILURE
    if config.only_correct and correct is not True:
        return NoFirstThought.NOT_CORRECT
    replies = [message.content for message in trajectory.messages if message.role is Role.ASSISTANT]
    text = first_paragraph(replies[0], config.max_chars) if replies else ""
    if not text:
        return NoFirstThought.NOTHING_BEFORE_THE_ANSWER
    return FirstThought(task_id=trajectory.task.id, text=text, trajectory_id=trajectory.id, correct=correct)


def _sentences(text: str) -> list[str]:
    """Sentences with the white space that follows them."""
    return [part for part in re.split(r"(?<=[.!?:])(?=\s)", text) if part.strip()]


def _up_to(sentences: list[str], max_chars: int) -> str:
    kept = ""
    for sentence in sentences:
        if len((kept + sentence).strip()) > max_chars:
            break
        kept += sentence
    if kept.strip() or not sentences:
        return kept.strip()
    return sentences[0].strip()[:max_chars].rpartition(" ")[0]  # one endless sentence: whole words of it
