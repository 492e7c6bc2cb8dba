"""A run and its stages."""

from __future__ import annotations

from enum import StrEnum

from pydantic import JsonValue, model_validator

from understudy.records.record import Record

JSON_SCHEMA_VERSION = 1
"""Written into every manifest; it grows when this module can no longer read older records."""


class Target(StrEnum):
    """What a name in a recipe can refer to."""

    MODEL = "model"
    """An entry of ``models``, or a stage that trains one."""
    AGENT = "agent"
    TASK_SET = "task set"
    ATTEMPTS = "attempts"
    """A stage with trajectories and scores."""
    FIRST_THOUGHTS = "first thoughts"
    EXAMPLES = "examples"
    THRESHOLD = "threshold"
    """A stage that measured signals and set a threshold for each."""


class StageRef(Record):
    """One stage of a recipe: ``rollout/teacher-agent``; also its folder in a run directory."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> StageRef:
        """Read ``kind/name``."""
        kind, _, name = text.partition("/")
        return cls(kind=kind, name=name)


class StageState(StrEnum):
    """The state of a stage."""

    RUNNING = "running"
    """Begun and not ended: it is running, or its process was killed. Its files are kept, and it resumes from them."""
    DONE = "done"
    FAILED = "failed"
    """An error ended it. It is resumed when the run is started again."""
    STOPPED = "stopped"
    """Ctrl-C ended it. It is resumed when the run is started again."""


class StageRecord(Record):
    """``stage.json``: the settings of a stage, and how it ended. Written by the pipeline, read by the report."""

    kind: str
    name: str
    provides: Target | None = None
    """The kind of result that other stages can use."""
    state: StageState
    fingerprint: str
    """Digest of settings and inputs: a stage whose fingerprint is the same is not run again."""
    settings: dict[str, JsonValue]
    inputs: dict[str, str] = {}
    """Fingerprints of its input stages, by ``kind/name``."""
    started: str
    """UTC, ISO 8601."""
    seconds: float = 0.0
    """Wall seconds over all tries."""
    error: str = ""
    """Message of the error that ended it."""
    counts: dict[str, float] = {}
    """Results by name: tasks, kept, dropped_incorrect, trained_tokens, …"""

    @property
    def ref(self) -> StageRef:
        return StageRef(kind=self.kind, name=self.name)

    @model_validator(mode="before")
    @classmethod
    def _fill_provides_of_old_runs(cls, data: object) -> object:
        if isinstance(data, dict) and "provides" not in data:
            return {**data, "provides": _PROVIDED.get(data.get("kind", ""))}
        return data


_PROVIDED = {
    "rollout": Target.ATTEMPTS,
    "repair": Target.ATTEMPTS,
    "evaluate": Target.ATTEMPTS,
    "prefixes": Target.FIRST_THOUGHTS,
    "curate": Target.EXAMPLES,
    "train": Target.MODEL,
    "on_policy": Target.MODEL,
}
"""The results that stages provide, for runs from before ``stage.json`` named them."""


class Manifest(Record):
    """``manifest.json``: the recipe, the versions and the machine of a run."""

    schema_version: int = JSON_SCHEMA_VERSION
    name: str
    recipe: dict[str, JsonValue]
    """The recipe with defaults filled in and absolute paths."""
    recipe_folder: str = ""
    """Folder in which the recipe's modules are searched; empty for a recipe that is not from a file."""
    seed: int
    prompts_hash: str
    created: str
    """UTC, ISO 8601."""
    commit: str | None
    """Commit of the checkout; ends in ``+changes`` if it had uncommitted changes. None outside a checkout."""
    weights: dict[str, str] = {}
    """SHA-256 of models that are one file (GGUF), by their name in the recipe."""
    versions: dict[str, str]
    """Installed versions of what results depend on, by package."""
    machine: dict[str, str]
    """Operating system, processor, cores, memory, GPU."""
