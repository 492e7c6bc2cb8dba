"""A run and its stages."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue

from understudy.records.record import Record

JSON_SCHEMA_VERSION = 1
"""Written into every manifest; raised when a stored record can no longer be read by this module."""


class StageKind(StrEnum):
    """The kinds of stages, in the order in which data walks through them; also their folders in a run."""

    ROLLOUT = "rollout"
    PREFIXES = "prefixes"
    REPAIR = "repair"
    CURATE = "curate"
    TRAIN = "train"
    ON_POLICY = "on_policy"
    EVALUATE = "evaluate"

    @property
    def has_attempts(self) -> bool:
        """Its folder holds trajectories and scores."""
        return self in (StageKind.ROLLOUT, StageKind.REPAIR, StageKind.EVALUATE)

    @property
    def is_training(self) -> bool:
        """Its folder holds a checkpoint and a log: its student is the model ``kind/name``."""
        return self in (StageKind.TRAIN, StageKind.ON_POLICY)


class StageState(StrEnum):
    """Where a stage of a run stands."""

    RUNNING = "running"
    """Begun and not ended: it is running, or its process was killed. What it wrote is kept and resumed from."""
    DONE = "done"
    FAILED = "failed"
    """An error ended it. It is resumed when the run is started again."""
    STOPPED = "stopped"
    """Ctrl-C ended it. It is resumed when the run is started again."""


class StageRecord(Record):
    """``stage.json``: what a stage was told, and how it ended. Written by the walk, read by the report."""

    kind: StageKind
    name: str
    state: StageState
    fingerprint: str
    """Digest of settings and inputs: a stage whose fingerprint is the same is not run again."""
    settings: dict[str, JsonValue]
    inputs: dict[str, str] = {}
    """Fingerprints of the stages that it took from, by ``kind/name``."""
    started: str
    """UTC, ISO 8601."""
    seconds: float = 0.0
    """Wall seconds over all tries."""
    error: str = ""
    """Why it failed, in the words of the error."""
    counts: dict[str, float] = {}
    """What came out, by name: tasks, kept, dropped_incorrect, trained_tokens, …"""


class Manifest(Record):
    """``manifest.json``: what was run, with what, on what."""

    schema_version: int = JSON_SCHEMA_VERSION
    name: str
    recipe: dict[str, JsonValue]
    """The recipe as it was understood, defaults filled in."""
    seed: int
    prompts_hash: str
    created: str
    """UTC, ISO 8601."""
    commit: str | None
    """Of the checkout that ran; ends in ``+changes`` where it had uncommitted ones. None outside a checkout."""
    versions: dict[str, str]
    """Installed versions of what results depend on, by package."""
    machine: dict[str, str]
    """Operating system, processor, cores, memory, GPU."""
