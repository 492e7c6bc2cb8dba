"""A training as a job for a process of its own: ``job.json`` in the folder that the training writes to.

In: a ``TrainingJob``, whose class is named by its import path, so that a new method of training needs no entry
anywhere. Out: the same student as the method's function gives, or ``failure.json``. Not here: starting processes.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from understudy.records import Record
from understudy.registry import import_target
from understudy.runs import read_record, write_atomic

JOB, FAILURE = "job.json", "failure.json"
END_WITH_INPUT = "--end-with-input"
"""Argument of a training process that must end with its standard input."""


class TrainingJob(Record):
    """Base of the jobs of all methods."""

    def run(self, folder: Path) -> None:
        """Train, and write everything to ``folder``."""
        raise NotImplementedError


class TrainingFailure(Record):
    """``failure.json``: why a training process ended without a student."""

    kind: str
    """Class of the exception."""
    message: str


class _Stored(Record):
    runner: str
    """Import path of the job's class."""
    job: dict[str, JsonValue]


def write_job(folder: Path, job: TrainingJob) -> None:
    """Write the job of ``python -m understudy.training FOLDER``; the file of an earlier failure is removed."""
    (folder / FAILURE).unlink(missing_ok=True)
    runner = f"{type(job).__module__}:{type(job).__qualname__}"
    stored = _Stored(runner=runner, job=job.model_dump(mode="json"))
    write_atomic(folder / JOB, stored.model_dump_json(indent=1) + "\n")


def read_job(folder: Path) -> TrainingJob:
    """The job of a folder. Raises ``FileNotFoundError``, ``BadRecordError``, ``TargetError``."""
    stored = read_record(folder / JOB, _Stored)
    job: TrainingJob = import_target(stored.runner).model_validate(stored.job)
    return job


def write_failure(folder: Path, error: BaseException) -> None:
    """Write why the training ended."""
    failure = TrainingFailure(kind=type(error).__name__, message=str(error) or type(error).__name__)
    write_atomic(folder / FAILURE, failure.model_dump_json(indent=1) + "\n")


def read_failure(folder: Path) -> TrainingFailure | None:
    """Why the last process of a training failed; None if it did not, or was killed."""
    path = folder / FAILURE
    return read_record(path, TrainingFailure) if path.exists() else None
