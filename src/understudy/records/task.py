"""Problems, most of them with a reference answer."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from understudy.records.record import Record, is_empty

ATTACK = "attack"
"""The key of a task's metadata that describes the attack which its world contains."""


class TaskKind(StrEnum):
    """The kind of a task's answer, which decides the default grader."""

    FACT = "fact"
    """A short factual answer, judged by exact match and F1."""
    MATH = "math"
    """A mathematical expression, judged by equality."""

    @classmethod
    def _missing_(cls, value: object) -> TaskKind | None:
        """Read records that were written when the kind was called ``maths``."""
        return cls.MATH if value == "maths" else None


class Task(Record):
    """One problem. Only the question is required: ``Task(question="2 + 2?", answer="4")``."""

    id: Annotated[str, Field(min_length=1)]
    """Unique within a rollout. Derived from question and answer if none is given."""
    question: Annotated[str, Field(min_length=1)]
    answer: Annotated[str, Field(min_length=1)] | None = None
    """The reference answer. None: graders that compare answers do not judge attempts at it."""
    aliases: tuple[str, ...] = ()
    """Other spellings that count as right."""
    kind: TaskKind = TaskKind.FACT
    source: str = ""
    """Label of its source, such as ``math500``. Several task sets may share it."""
    task_sets: tuple[str, ...] = ()
    """Names of the recipe's task sets that contain it. They may be splits, samples or files of one source."""
    split: str = ""
    level: str = ""
    """Difficulty as the source names it, empty if it names none."""
    type: str = ""
    """Subject or question type as the source names it, empty where it names none."""
    turns: Annotated[tuple[str, ...], Field(exclude_if=is_empty)] = ()
    """What the user says after the question, one text for each further turn of the dialogue."""
    metadata: Annotated[dict[str, JsonValue], Field(exclude_if=is_empty)] = {}
    """What the source knows of the question beside, for graders and environments. Never shown to a model."""

    def __hash__(self) -> int:
        """Metadata is not hashable and does not distinguish tasks."""
        return hash((self.id, self.question, self.answer))

    @property
    def is_attacked(self) -> bool:
        """Its world contains instructions that the agent must not follow."""
        return bool(self.metadata.get(ATTACK))

    @property
    def references(self) -> tuple[str, ...]:
        """The reference answer and its aliases; empty if there is no reference."""
        return () if self.answer is None else (self.answer, *self.aliases)

    @property
    def set_names(self) -> tuple[str, ...]:
        """The task sets by which figures and comparisons are grouped; the source if no recipe named a set."""
        return self.task_sets or (self.source or "tasks",)

    @property
    def id_in_source(self) -> str:
        """The id without the prefix of its set, which distinguishes equal ids of two sets."""
        return self.id.removeprefix(f"{self.set_names[0]}:")

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, value: object) -> object:
        """With the number that is an answer as its text, and with an id."""
        if not isinstance(value, Mapping):
            return value
        answer = value.get("answer")
        if isinstance(answer, int | float) and not isinstance(answer, bool) and math.isfinite(answer):
            value = {**value, "answer": str(answer)}
        if "id" in value:
            return value
        return {"id": content_id(str(value.get("question")), value.get("answer")), **value}


def content_id(question: str, answer: object = None) -> str:
    """Twelve hex digits that identify a task by its question and answer, in any set."""
    text = question if answer is None else f"{question}\n{answer}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
