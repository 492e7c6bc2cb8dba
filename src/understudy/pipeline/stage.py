"""The base class of all stages: a config, what other stages can take from it, and how it runs.

A subclass of ``Stage``, inside or outside this package, can be a section of a recipe. In: the context of a run, the
stage's name and config. Out: files in the stage's folder, and counts. ``run`` may be killed at any moment and called
again: appended records are kept, and whole files are written at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.records import Record, StageRef, Target

ConfigT = TypeVar("ConfigT", bound=Record)
Counts = dict[str, float]
"""Counts of the results by name, the most important first."""


class StageFailedError(Exception):
    """A stage could not finish. Its results so far are kept, and running it again resumes."""


class Stage(Generic[ConfigT]):
    """One stage of a run."""

    kind: ClassVar[str]
    """Its folder in a run directory, and how other stages name it: ``kind/name``."""
    provides: ClassVar[Target | None] = None
    """What other stages can take from it; None: nothing."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Sections of the recipe that its results depend on, besides what its config refers to."""
    starts_from: ClassVar[str] = ""
    """For a stage that trains: the field of its config that names the model to start from."""
    Config: ClassVar[type[Record]]

    def __init__(self, context: RunContext, ref: StageRef, config: ConfigT) -> None:
        self.context = context
        self.ref = ref
        self.config = config

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.context.directory.folder(self.ref)

    def run(self) -> Counts:
        """Do the work. Raises ``StageFailedError``, and whatever its parts raise."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Update facts that are only displayed, if the stage itself is done and unchanged."""

    @staticmethod
    def problems(config: ConfigT, key: str, recipe: Recipe) -> Iterator[str]:  # noqa: ARG004
        """Contradictions to the rest of the recipe, each beginning with its key; names are checked already."""
        yield from ()
