"""Files that are written during a training: log, progress, and marks on complete checkpoints.

In: TRL's callbacks. Out: ``log.jsonl``, ``progress.json``, a mark in each finished checkpoint. A kill in the middle of
saving leaves a checkpoint without its mark, from which nothing resumes. Importing this module loads transformers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from understudy.progress import Progress
from understudy.runs import JsonlWriter, append_jsonl, read_jsonl, write_atomic, write_jsonl
from understudy.training.progress import ProgressFile
from understudy.training.summary import LogLine
from understudy.training.trainer import StudentTrainer

WHOLE_MARK = "whole"
"""File in a checkpoint that was written to its end."""


def last_whole_checkpoint(folder: Path) -> tuple[Path, int] | None:
    """The newest checkpoint under ``folder`` that can be resumed from, and its step."""
    found = [
        (int(mark.parent.name.rsplit("-", 1)[1]), mark.parent) for mark in folder.glob(f"checkpoint-*/{WHOLE_MARK}")
    ]
    if not found:
        return None
    step, path = max(found)
    return path, step


class LogCallback(TrainerCallback):  # type: ignore[misc]  # transformers' classes have no types
    """Writes the log and the progress of one training."""

    def __init__(
        self,
        trainer: StudentTrainer,
        log_every_steps: int,
        tokens_of_step: Sequence[tuple[int, int]],
        log_path: Path,
        file: ProgressFile,
        bar: Progress,
    ) -> None:
        """``tokens_of_step``: tokens and trained tokens of each step, over all devices."""
        self._trainer = trainer
        self._log_every_steps = log_every_steps
        self._tokens_of_step = tokens_of_step
        self._log_path = log_path
        self._file = file
        self._bar = bar
        self._writer: JsonlWriter | None = None
        self._loss: Any = 0.0
        self._from_step = 0
        self._started = time.monotonic()
        trainer.on_pass = file.part_done

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Forget what a killed process logged after its last checkpoint: it will be trained again."""
        self._started = time.monotonic()
        self._from_step = state.global_step
        if not state.is_world_process_zero:
            return
        before = list(read_jsonl(self._log_path, LogLine)) if self._log_path.exists() else []
        write_jsonl(self._log_path, [line for line in before if line.step <= state.global_step])
        self._writer = append_jsonl(self._log_path)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        step = state.global_step
        self._loss = self._loss + self._trainer.last_loss
        loss = float(self._trainer.last_loss)
        self._file.step_done(step, loss)
        self._bar.advance(1, f"loss {loss:.3f}")
        if step % self._log_every_steps == 0 or step == len(self._tokens_of_step):
            self._write_line(step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if state.is_world_process_zero:
            write_atomic(Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE_MARK, "")
            self._file.saved(state.global_step)

    def close(self) -> None:
        """Close the log, however the training ended."""
        if self._writer is not None:
            self._writer.close()

    def _write_line(self, step: int) -> None:
        # Each device knows the loss of its own share, scaled so that their mean is the loss of the step.
        loss = float(self._trainer.accelerator.reduce(self._loss, reduction="mean")) / (step - self._from_step)
        tokens = self._tokens_of_step[self._from_step : step]
        line = LogLine(
            step=step,
            loss=loss,
            learning_rate=self._trainer.rate_of_last_step,
            grad_norm=self._trainer.last_grad_norm,
            n_tokens=sum(n for n, _ in tokens),
            n_trained=sum(n for _, n in tokens),
            elapsed_s=time.monotonic() - self._started,
            metrics=self._metrics(),
        )
        if self._writer is not None:
            self._writer.write(line)
        self._loss, self._from_step = 0.0, step

    def _metrics(self) -> dict[str, float]:
        """Means over all devices since the line before."""
        sums, self._trainer.metric_sums = self._trainer.metric_sums, {}
        if not sums:
            return {}
        device = self._trainer.args.device
        totals = self._trainer.accelerator.reduce(torch.tensor(list(sums.values()), device=device), reduction="sum")
        summed = dict(zip(sums, totals.tolist(), strict=True))
        weight = summed.pop("weight")
        return {name: total / weight for name, total in summed.items()}
