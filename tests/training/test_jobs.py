"""A training as a process: any class can be its job, a failure is one sentence, and it reports its progress."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from understudy.registry import TargetError
from understudy.runs import BadRecordError
from understudy.training import (
    TrainingJob,
    TrainingProgress,
    read_failure,
    read_job,
    read_progress,
    write_job,
)
from understudy.training.jobs import JOB
from understudy.training.progress import ProgressFile

ROOT = Path(__file__).parents[2]


class NoteJob(TrainingJob):
    """A user's own training method."""

    text: str

    def run(self, folder: Path) -> None:
        if not self.text:
            raise RuntimeError("nothing to note")
        (folder / "note.txt").write_text(self.text)


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "understudy.training", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_job_of_any_class_is_run_in_a_process_of_its_own(tmp_path: Path) -> None:
    write_job(tmp_path, NoteJob(text="done"))
    assert read_job(tmp_path) == NoteJob(text="done")
    assert run(tmp_path).returncode == 0
    assert (tmp_path / "note.txt").read_text() == "done"
    assert read_failure(tmp_path) is None


def test_a_failure_is_a_sentence_and_forgotten_when_the_job_is_given_again(tmp_path: Path) -> None:
    write_job(tmp_path, NoteJob(text=""))
    assert run(tmp_path).returncode == 1
    failure = read_failure(tmp_path)
    assert failure is not None
    assert (failure.kind, failure.message) == ("RuntimeError", "nothing to note")
    write_job(tmp_path, NoteJob(text="done"))
    assert read_failure(tmp_path) is None


@pytest.mark.parametrize(
    ("stored", "error", "message"),
    [
        ('{"runner": "tests.training.test_jobs:Nobody", "job": {}}', TargetError, "has no 'Nobody'"),
        ('{"runner": "nowhere:Job", "job": {}}', TargetError, "no module 'nowhere'"),
        ('{"job": {}}', BadRecordError, "runner"),
        ('{"runner": "tests.training.test_jobs:NoteJob", "job": {"txt": 1}}', ValueError, "txt"),
    ],
)
def test_a_job_that_cannot_be_read_is_named(tmp_path: Path, stored: str, error: type[Exception], message: str) -> None:
    (tmp_path / JOB).write_text(stored)
    with pytest.raises(error, match=message):
        read_job(tmp_path)


def test_progress_moves_within_a_step_and_never_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.training.progress._WRITE_EVERY_S", 0.0)
    file = ProgressFile(tmp_path, 3, 1)
    steps = [read_progress(tmp_path)]
    for part in (0.25, 0.5, 1.0):
        file.part_done(part)
        steps.append(read_progress(tmp_path))
    file.step_done(2, 1.5)
    file.saved(2)
    steps.append(read_progress(tmp_path))
    assert [one.step for one in steps if one] == [1, 1.25, 1.5, 1.999, 2]
    assert steps[-1] == TrainingProgress(step=2, n_steps=3, loss=1.5, saved_step=2)
    assert TrainingProgress(step=1.4, n_steps=3).kept == "It was at step 1 of 3; no checkpoint was written yet."


def test_progress_that_is_not_there_or_torn_is_none(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    (tmp_path / "progress.json").write_text('{"step": 1')
    assert read_progress(tmp_path) is None
