"""The progress of a training, in a small file that other processes read. In: every step, and every pass within a step.
Out: ``progress.json``, rewritten at most a few times per second. It is for display only: a training resumes from its
checkpoints. Not here: the log, and the estimate of the time that is left.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from pydantic import ValidationError

from understudy.records import Record

PROGRESS = "progress.json"
_WRITE_EVERY_S = 0.2


class TrainingProgress(Record):
    """``progress.json``."""

    step: float
    """Steps done; the fraction is the part of the step in progress."""
    n_steps: int
    loss: float | None = None
    """Of the last whole step."""
    saved_step: int = 0
    """The step that a killed training resumes from."""

    @property
    def kept(self) -> str:
        """A sentence that says what is kept if the training stops now."""
        if not self.saved_step:
            return f"It was at step {int(self.step)} of {self.n_steps}; no checkpoint was written yet."
        return f"It was at step {int(self.step)} of {self.n_steps}; the checkpoint of step {self.saved_step} is kept."


def read_progress(folder: Path) -> TrainingProgress | None:
    """The progress of the training in a folder; None if nothing was written yet."""
    try:
        return TrainingProgress.model_validate_json((folder / PROGRESS).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


class ProgressFile:
    """Writes the progress of one training."""

    def __init__(self, folder: Path, n_steps: int, done: int, *, is_writer: bool = True) -> None:
        """``done``: steps that an earlier process did and saved."""
        self._path = folder / PROGRESS
        self._now = TrainingProgress(step=done, n_steps=n_steps, saved_step=done)
        self._is_writer = is_writer
        self._written = 0.0
        self._write()

    def part_done(self, part: float) -> None:
        """A share of the step in progress is done."""
        self._update(step=min(int(self._now.step) + part, int(self._now.step) + 0.999))

    def step_done(self, step: int, loss: float | None) -> None:
        self._update(step=step, loss=loss)

    def saved(self, step: int) -> None:
        """A checkpoint of this step is whole."""
        self._update(step=step, saved_step=step)

    def _update(self, **changes: float | None) -> None:
        is_urgent = "saved_step" in changes or changes["step"] == self._now.n_steps
        self._now = self._now.model_copy(update=changes)
        if is_urgent or time.monotonic() - self._written >= _WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if not self._is_writer:
            return
        beside = self._path.with_name(f".{self._path.name}.part")
        with contextlib.suppress(OSError):  # a full disk does not end the training here: no result is lost
            beside.write_text(self._now.model_dump_json() + "\n")  # fsync can take longer than a step
            beside.replace(self._path)
