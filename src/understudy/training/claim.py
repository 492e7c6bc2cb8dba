"""Whose folder it is: a folder belongs to one training.

In: a folder and the digest of a training's inputs. Out: a claim that stays on disk, so that a training that is called
again goes on and another one is refused.
"""

from __future__ import annotations

from pathlib import Path

from understudy.records import Record
from understudy.runs import write_atomic

STARTED = "started.json"


class OtherTrainingError(ValueError):
    """The folder holds another training: other examples, base or settings."""


class _Started(Record):
    """``started.json``: which training a folder belongs to."""

    digest: str


def claim(folder: Path, digest: str) -> None:
    """Make the folder this training's. Raises ``OtherTrainingError`` where it is another's."""
    folder.mkdir(parents=True, exist_ok=True)
    started = folder / STARTED
    if not started.exists():
        write_atomic(started, _Started(digest=digest).model_dump_json())
        return
    came = _Started.model_validate_json(started.read_bytes()).digest
    if came != digest:
        raise OtherTrainingError(
            f"{folder} holds the training {came}, but config, base and examples are those of {digest}: "
            "choose another folder, or delete this one"
        )
