"""Where a training stands, in a small file that other processes read.

In: every step, and every pass within a step. Out: ``progress.json``, rewritten at most a few times a second, with an
estimate of the time that is left. It informs only: a training resumes from its checkpoints. Not here: the log.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from understudy.records import Record

PROGRESS = "progress.json"
_WRITE_EVERY_S = 0.2
_STEPS_AVERAGED = 10


class TrainingProgress(Record):
    """``progress.json``."""

    step: float
    """Steps done; the fraction is the part of the step in progress."""
    n_steps: int
    loss: float | None = None
    """Of the last whole step."""
    saved_step: int = 0
    """The step that a killed training resumes from."""
    left_s: float | None = None
    """Estimated seconds to the end, at the time of writing; None before there is anything to estimate from."""
    written_s: float = 0.0
    """When this was written, in seconds since 1970."""

    @property
    def kept(self) -> str:
        """What a training that is stopped now leaves, as a sentence."""
        if not self.saved_step:
            return f"It was at step {int(self.step)} of {self.n_steps}; no checkpoint was written yet."
        return f"It was at step {int(self.step)} of {self.n_steps}; the checkpoint of step {self.saved_step} is kept."


def read_progress(folder: Path) -> TrainingProgress | None:
    """Where the training in a folder stands; None where nothing was written yet."""
    try:
        return TrainingProgress.model_validate_json((folder / PROGRESS).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


class ProgressFile:
    """Writes where one training stands."""

    def __init__(self, folder: Path, work_of_step: Sequence[int], done: int, *, is_writer: bool = True) -> None:
        """``work_of_step``: how much each step has to do, such as its tokens. ``done``: steps that are done already."""
        self._path = folder / PROGRESS
        self._work = work_of_step
        self._done = self._saved = done
        self._is_writer = is_writer
        self._loss: float | None = None
        self._recent: deque[tuple[int, float]] = deque(maxlen=_STEPS_AVERAGED)
        self._step_began = time.monotonic()
        self._written = 0.0
        self._write(0.0)

    def part_done(self, part: float) -> None:
        """A share of the step in progress is done."""
        if time.monotonic() - self._written >= _WRITE_EVERY_S:
            self._write(part)

    def step_done(self, step: int, loss: float | None) -> None:
        now = time.monotonic()
        self._recent.append((self._work[step - 1], now - self._step_began))
        self._step_began, self._done, self._loss = now, step, loss
        if now - self._written >= _WRITE_EVERY_S or step == len(self._work):
            self._write(0.0)

    def saved(self, step: int) -> None:
        """A checkpoint of this step is whole."""
        self._saved = step
        self._write(0.0)

    def _write(self, part: float) -> None:
        self._written = time.monotonic()
        if not self._is_writer:
            return
        now = TrainingProgress(
            step=min(self._done + part, len(self._work)),
            n_steps=len(self._work),
            loss=self._loss,
            saved_step=self._saved,
            left_s=self._left_s(part),
            written_s=time.time(),
        )
        beside = self._path.with_name(f".{self._path.name}.part")
        with contextlib.suppress(OSError):  # a full disk stops a training where it loses something, not here
            beside.write_text(now.model_dump_json() + "\n")  # not made durable: that can take longer than a step
            beside.replace(self._path)

    def _left_s(self, part: float) -> float | None:
        left: float = sum(self._work[self._done :])
        work: float = sum(work for work, _ in self._recent)
        seconds = sum(seconds for _, seconds in self._recent)
        if part:
            partial = part * self._work[self._done]
            left -= partial
            work, seconds = work + partial, seconds + time.monotonic() - self._step_began
        return seconds / work * left if work else None
