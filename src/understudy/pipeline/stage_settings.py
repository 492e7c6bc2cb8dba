"""What a stage's results depend on: its settings and inputs, and the fingerprint of both.

In: a recipe and a stage. Out: plain JSON and a digest. What only decides how fast results come (workers, devices)
is left out, so that a run can be gone on with on another machine.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import JsonValue

from understudy.agents import behaviour_hash
from understudy.recipe import PublishedStage, Recipe, StageRef
from understudy.records import Record, StageKind
from understudy.runs import digest

SPEED_ONLY = frozenset(
    {
        "in_flight",
        "engine",
        "ray",
        "n_workers",
        "device",
        "max_batch_size",
        "max_batch_tokens",
        "max_in_flight",
        "timeout_s",
        "max_retries",
        "max_retry_wait_s",
        "base_urls",
        "api_key_env",
        "n_threads",
        "launcher",
        "report_to",
        "cache_dir",
        "cache_size",
        "label",
    }
)
"""Keys that change no result, wherever they stand."""

_WHOLE_FILE_BYTES = 64 * 2**20


def settings_of(recipe: Recipe, ref: StageRef) -> dict[str, JsonValue]:
    """All that a stage's results depend on, apart from other stages."""
    stage: Record = getattr(recipe, ref.kind)[ref.name]
    settings: dict[str, JsonValue] = {"seed": recipe.seed, "stage": _plain(stage)}
    match ref.kind:
        case StageKind.ROLLOUT:
            rollout = recipe.rollout[ref.name]
            if isinstance(rollout, PublishedStage):
                settings |= {"content": _file_digest(rollout.published), "grading": _plain(recipe.grading)}
            else:
                settings |= _stage_props(recipe, rollout.model, rollout.agent, rollout.tasks)
        case StageKind.EVALUATE:
            evaluate = recipe.evaluate[ref.name]
            settings |= _stage_props(recipe, evaluate.model, evaluate.agent, evaluate.tasks)
        case StageKind.CURATE:
            curate = recipe.curate[ref.name]
            settings |= {"agent": _plain(recipe.agents[curate.agent]), "tools": _plain(recipe.tools)}
            settings["prompts"] = _prompts_of(recipe, curate.agent)
            if curate.student is not None:
                settings["student"] = _model(recipe, curate.student)
            settings["against"] = {name: _plain(recipe.tasks[name]) for name in curate.against}
        case StageKind.TRAIN:
            settings["base"] = _model(recipe, recipe.train[ref.name].base)
        case StageKind.ON_POLICY:
            distilled = recipe.on_policy[ref.name]
            settings |= {"student": _model(recipe, distilled.student), "teacher": _model(recipe, distilled.teacher)}
        case StageKind.REPAIR:  # the student, its agent and tasks are settings of the rollout that it takes from
            repair = recipe.repair[ref.name]
            settings["teacher"] = _model(recipe, repair.teacher)
            if repair.teacher_agent is not None:
                settings["teacher_agent"] = _plain(recipe.agents[repair.teacher_agent])
                settings["prompts"] = _prompts_of(recipe, repair.teacher_agent)
        case StageKind.PREFIXES:
            pass
    return settings


def fingerprint_of(settings: dict[str, JsonValue], inputs: dict[str, str]) -> str:
    """Digest of a stage's settings and of the stages that it takes from."""
    return digest({"settings": settings, "inputs": dict(inputs)})


def _stage_props(recipe: Recipe, model: str, agent: str, tasks: tuple[str, ...]) -> dict[str, JsonValue]:
    return {
        "model": _model(recipe, model),
        "agent": _plain(recipe.agents[agent]),
        "prompts": _prompts_of(recipe, agent),
        "tasks": {name: _plain(recipe.tasks[name]) for name in tasks},
        "retrieval": None if recipe.retrieval is None else _plain(recipe.retrieval),
        "tools": _plain(recipe.tools),
        "sandbox": _plain(recipe.sandbox),
        "grading": _plain(recipe.grading),
    }


def _prompts_of(recipe: Recipe, agent: str) -> str:
    return behaviour_hash(recipe.agents[agent])


def _model(recipe: Recipe, name: str) -> JsonValue:
    if name not in recipe.models:
        return name
    settings = _plain(recipe.models[name])
    path = settings.get("path") if isinstance(settings, dict) else None
    if isinstance(settings, dict) and isinstance(path, str) and Path(path).is_dir():
        settings["content"] = folder_digest(Path(path))
    return settings


def folder_digest(folder: Path) -> str:
    """Names the content of a model's folder; of files over 64 MiB only size and time of writing."""
    seen = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        stat = file.stat()
        seen.update(f"{file.name}:{stat.st_size}:".encode())
        seen.update(file.read_bytes() if stat.st_size <= _WHOLE_FILE_BYTES else str(stat.st_mtime_ns).encode())
    return seen.hexdigest()[:16]


def _file_digest(path: Path) -> str:
    """Raises ``FileNotFoundError``."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file of published attempts, there is none")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _plain(record: Record) -> JsonValue:
    return _without_speed(record.model_dump(mode="json"))


def _without_speed(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {key: _without_speed(below) for key, below in value.items() if key not in SPEED_ONLY}
    if isinstance(value, list):
        return [_without_speed(below) for below in value]
    return value
