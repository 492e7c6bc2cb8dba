"""Problems, most of them with a reference answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from understudy.records.record import Record, is_empty


class TaskKind(StrEnum):
    """What kind of answer a task wants, and so which grader judges it by default."""

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
    """The reference answer. None: there is none, so a grader that compares answers does not judge the attempts."""
    aliases: tuple[str, ...] = ()
    """Other spellings that count as right."""
    kind: TaskKind = TaskKind.FACT
    source: str = ""
    """Label of the data that it comes from, such as ``math500``. Several task sets may share it."""
    task_sets: tuple[str, ...] = ()
    """Names of the recipe's task sets that hold it. Two of them may be splits, draws or files of one source."""
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
        """Metadata cannot be hashed, and never tell two tasks apart."""
        return hash((self.id, self.question, self.answer))

    @property
    def references(self) -> tuple[str, ...]:
        """The reference answer and its aliases; empty if there is no reference."""
        return () if self.answer is None else (self.answer, *self.aliases)

    @property
    def set_names(self) -> tuple[str, ...]:
        """The task sets that figures and comparisons go by; the source if no recipe named a set."""
        return self.task_sets or (self.source or "tasks",)

    @property
    def id_in_source(self) -> str:
        """The id without the name of the set, which it carries if two sets of a rollout have the same id."""
        return self.id.removeprefix(f"{self.set_names[0]}:")

    @model_validator(mode="before")
    @classmethod
    def _with_id(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "id" in value:
            return value
        return {"id": content_id(str(value.get("question")), value.get("answer")), **value}


def content_id(question: str, answer: object = None) -> str:
    """Twelve hex digits that name a task by its question and answer, whatever set it is in."""
    text = question if answer is None else f"{question}\n{answer}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
