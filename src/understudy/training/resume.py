"""Decides whether a training may resume in a folder, which belongs to one training.

In: a folder and the settings that decide a training's result. Out: their digest, kept on disk, so that the same
training resumes when it is called again and another one is refused. Settings that decide only speed do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from understudy.records import Record
from understudy.runs import content_digest, digest, write_atomic

STARTED = "started.json"


class OtherTrainingError(ValueError):
    """The folder holds another training: other examples, other weights to start from, or other settings."""


class _Started(Record):
    """``started.json``: which training a folder belongs to."""

    digest: str
    settings: dict[str, JsonValue] = {}


def start_or_resume(folder: Path, settings: Mapping[str, JsonValue]) -> str:
    """Make the folder this training's; return the digest of its settings.

    Raises ``OtherTrainingError`` if the folder is another training's, naming what has changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, new = folder / STARTED, _Started(digest=digest(dict(settings)), settings=dict(settings))
    if not path.exists():
        write_atomic(path, new.model_dump_json(indent=1) + "\n")
        return new.digest
    old = _Started.model_validate_json(path.read_bytes())
    if old.digest != new.digest:
        changed = "; ".join(_changes("", old.settings, new.settings)) or "its settings are not known"
        raise OtherTrainingError(
            f"{folder} holds a training with other settings ({changed}): choose another folder, or delete this one "
            "to train again"
        )
    return new.digest


def weights_digest(weights: str) -> str:
    """Identifies weights by their content, not by their path; a Hub id identifies itself."""
    return content_digest(Path(weights)) if Path(weights).exists() else weights


def _changes(path: str, old: JsonValue, new: JsonValue) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changes(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif old != new:
        yield f"{path}: was {old}, is now {new}"
