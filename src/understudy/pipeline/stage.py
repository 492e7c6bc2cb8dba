"""What every kind of stage is: a config, what other stages can take from it, and how it runs.

Subclass ``Stage``, in this package or outside of it, and a recipe can have a section of it. In: the context of a run,
the stage's name and config. Out: files in the stage's folder, and counts. ``run`` may be killed at any moment and
called again: what it appends is kept, and what it writes whole it writes at its end.
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
"""What came out, by name; the first ones are the most telling."""


class StageFailedError(Exception):
    """A stage could not be brought to its end. What it computed is kept, and running it again resumes."""


class Stage(Generic[ConfigT]):
    """One stage of a run."""

    kind: ClassVar[str]
    """Its folder in a run directory, and how other stages name it: ``kind/name``."""
    provides: ClassVar[Target | None] = None
    """What other stages can take from it; None: nothing."""
    uses: ClassVar[tuple[str, ...]] = ()
    """Sections of the recipe that its results depend on, besides what its config refers to."""
    starts_from: ClassVar[str] = ""
    """Of a stage that trains: the field of its config that names the model to start from."""
    Config: ClassVar[type[Record]]

    def __init__(self, context: RunContext, ref: StageRef, config: ConfigT) -> None:
        self.context = context
        self.ref = ref
        self.config = config

    @property
    def folder(self) -> Path:
        """Where its files go."""
        return self.context.directory.folder(self.ref)

    def run(self) -> Counts:
        """Do the work. Raises ``StageFailedError``, and whatever its parts raise."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Bring what is only displayed up to date, if the stage itself is done and unchanged."""

    @staticmethod
    def problems(config: ConfigT, key: str, recipe: Recipe) -> Iterator[str]:  # noqa: ARG004
        """What contradicts the rest of the recipe, each beginning with its key; names are checked already."""
        yield from ()
