"""Which questions a stage works on: the typed part of a recipe that names a task set.

In: keys of a recipe. Out: a ``TaskSetConfig`` whose combination of keys makes sense. Not here: reading anything.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.annotations import SpeedOnly
from understudy.records import Record, TaskKind
from understudy.tasks.benchmarks import BENCHMARKS, benchmark_named

TOY = "toy"
"""Name of the synthetic world that ships with the package."""
TOY_SPLITS = ("train", "dev", "test")


class Origin(StrEnum):
    """Where the questions of a task set come from."""

    BENCHMARK = "benchmark"
    TOY = "toy"
    JSONL = "jsonl"
    HUB = "hub"


class FieldMap(Record):
    """Which field of a row holds what. A dot goes down into a nested field: ``answers.text``."""

    question: str = "question"
    answer: str = "answer"
    """A text, a number, or a list of texts: the first is the reference, the others are aliases."""
    id: str | None = None
    """None: the row's number is its id."""
    aliases: str | None = None
    level: str | None = None
    type: str | None = None


class TaskSetConfig(Record):
    """One task set: a benchmark of the paper, the toy world, a JSONL file or a Hub data set."""

    name: Annotated[str, Field(min_length=1)]
    """A benchmark's name, ``toy``, or the label of your own questions; it becomes ``Task.source``."""
    split: str = ""
    """Empty: the only split that there is. With ``path`` it only labels the tasks."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """How many tasks at most. They are drawn by ``seed``, so a larger limit holds the smaller one, and keep their
    order."""
    seed: int = 0
    data_dir: Path | None = None
    """Folder that already holds the benchmark's file; nothing is fetched then."""
    cache_dir: Annotated[Path | None, SpeedOnly] = None
    """Folder that fetched benchmark files are kept in; None: ``understudy`` in the user's cache folder."""
    path: Path | None = None
    """JSONL file with your own questions, one object a line."""
    hub: str | None = None
    """Data set on the Hugging Face Hub (``owner/name``) or a local folder that ``datasets`` can load."""
    subset: str | None = None
    """Configuration of the Hub data set, where it has several."""
    revision: str | None = None
    """Commit or tag of the Hub data set: name one, or the questions may change under your run."""
    fields: FieldMap = FieldMap()
    kind: TaskKind | None = None
    """What kind of answer your own questions want; it decides the grader."""

    @property
    def origin(self) -> Origin:
        """Where the questions come from, as the keys say."""
        if self.path is not None:
            return Origin.JSONL
        if self.hub is not None:
            return Origin.HUB
        return Origin.TOY if self.name == TOY else Origin.BENCHMARK

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.path is not None and self.hub is not None:
            raise ValueError("path, hub: a task set comes from a file or from the Hub, both are given")
        own = self.origin in (Origin.JSONL, Origin.HUB)
        if own and self.kind is None:
            raise ValueError(f"kind: expected one of {', '.join(TaskKind)} for your own questions, nothing came")
        if own and (self.name == TOY or self.name in BENCHMARKS):
            raise ValueError(f"name: {self.name!r} is a task set of this package; label your own questions otherwise")
        self._refuse_keys_of_other_origins()
        if self.origin is Origin.BENCHMARK:
            benchmark_named(self.name, self.split)
        if self.origin is Origin.TOY and self.split not in TOY_SPLITS:
            raise ValueError(f"split: expected one of {', '.join(TOY_SPLITS)} for the toy world, {self.split!r} came")
        if self.origin is Origin.TOY and self.limit is None:
            raise ValueError("limit: expected the number of tasks wanted from the toy world, nothing came")
        return self

    def _refuse_keys_of_other_origins(self) -> None:
        allowed = {
            Origin.BENCHMARK: {"data_dir", "cache_dir"},
            Origin.TOY: set(),
            Origin.JSONL: {"path", "fields", "kind"},
            Origin.HUB: {"hub", "subset", "revision", "cache_dir", "fields", "kind"},
        }[self.origin]
        always = {"name", "split", "limit", "seed"}
        given = {key for key, field in type(self).model_fields.items() if getattr(self, key) != field.default}
        if misplaced := sorted(given - allowed - always):
            raise ValueError(f"{misplaced[0]}: has no meaning for {self.name!r}, which is a {self.origin} task set")
