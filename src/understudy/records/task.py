"""Problems with their reference answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records.record import Record


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
    """One problem with its reference answer."""

    id: Annotated[str, Field(min_length=1)]
    """Unique within its task set."""
    question: Annotated[str, Field(min_length=1)]
    answer: Annotated[str, Field(min_length=1)]
    """The reference answer."""
    aliases: tuple[str, ...] = ()
    """Other spellings that count as right."""
    kind: TaskKind
    source: str
    """Name of the task set it comes from, such as ``math500``."""
    split: str = ""
    level: str = ""
    """Difficulty as the source names it, empty where it names none."""
    type: str = ""
    """Subject or question type as the source names it, empty where it names none."""
