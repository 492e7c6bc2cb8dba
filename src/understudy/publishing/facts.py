"""The facts of a run that cards are written from. In: what the pipeline reads from a run. Out: records. Not here: their
words (``model_card``, ``data_card``).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import JsonValue

from understudy.records import Comparison, Metrics, Record
from understudy.training import TrainSummary


class RepoKind(StrEnum):
    """What a repository of the Hub holds."""

    MODEL = "model"
    DATASET = "dataset"


class Repository(Record):
    """A folder that becomes a repository, file by file."""

    kind: RepoKind
    id: str
    """``NAMESPACE/NAME``."""
    folder: Path

    def files(self) -> dict[str, int]:
        """Size in bytes of each file, by its path in the repository."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in found}


class Base(Record):
    """The model that the training began with."""

    name: str
    """As the recipe names it: a Hub id, a ``package:`` path, the name of a folder."""
    hub_id: str = ""
    """Empty if the base is not known to be on the Hub."""
    is_toy: bool = False
    """The demo's small model, which knows a generated world only."""


class Teacher(Record):
    """Where the attempts come from that the student was trained on."""

    name: str
    is_program: bool
    n_attempts: int
    stage: str


class Publication(Record):
    """Everything that cards state."""

    run: str
    description: str = ""
    stage: str
    """The training, such as ``train/agent``."""
    model_id: str = ""
    """``NAMESPACE/NAME`` of the model's repository; empty: none is written."""
    data_id: str = ""
    merged: bool = False
    """The repository holds whole weights, not an adapter."""
    licence: str = ""
    """An identifier of the Hub, such as ``apache-2.0``; empty: not stated."""
    base: Base
    teachers: tuple[Teacher, ...]
    training: TrainSummary
    settings: dict[str, JsonValue]
    """The settings of the training."""
    agent: str
    agent_settings: dict[str, JsonValue]
    system: str = ""
    tools: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    curation: str
    """The stage that made the examples, such as ``curate/agent``."""
    n_examples: int
    dropped: dict[str, int] = {}
    """Attempts that were dropped, by reason."""
    metrics: tuple[Metrics, ...] = ()
    """Of all evaluated systems, in the order of the recipe."""
    student: str = ""
    """The label of the student's own evaluation."""
    data_sets: dict[str, str] = {}
    """Hub ids of task sets that come from the Hub, by their name in the recipe."""
    comparisons: tuple[Comparison, ...] = ()
    recipe: dict[str, JsonValue]
    """Without paths of this machine."""
    outside: tuple[str, ...] = ()
    """Files and code that the recipe names and the repository does not hold."""
    examples_sha256: str
    seed: int
    created: str
    commit: str | None = None
    versions: dict[str, str]
    machine: dict[str, str]

    def figures_of(self, system: str) -> Metrics | None:
        """The figures of one system."""
        return next((one for one in self.metrics if one.system == system), None)
