"""Trainings, each in a process of its own, several side by side.

In: training stages whose examples are there. Out: their checkpoints and counts. A process of its own gives its memory
back, takes a launcher such as ``accelerate launch``, and ends when the walk does, however the walk ends.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from understudy.parallel import Progress
from understudy.recipe import StageRef
from understudy.records import StageKind
from understudy.runs import read_jsonl, write_atomic
from understudy.train import LogLine, TrainConfig, TrainingOrder, TrainSummary
from understudy.walk.props import Props
from understudy.walk.stages import Counts, StageFailedError

_POLL_S = 0.2
_END_OF_LOG_CHARS = 2000


@dataclass(frozen=True, slots=True)
class _Training:
    """A process that trains."""

    ref: StageRef
    folder: Path
    process: subprocess.Popen[bytes]


def run_trainings(props: Props, refs: Sequence[StageRef]) -> Iterator[tuple[StageRef, Counts]]:
    """Do trainings that do not take from one another; yield each as it ends.

    Raises ``StageFailedError`` with the end of the process's output. The others are stopped then, and go on from their
    last checkpoint when the walk comes by again.
    """
    waiting = list(refs)
    running: list[_Training] = []
    label = " + ".join(map(str, refs))
    with Progress(label, None, quiet=props.quiet) as progress:
        told = 0
        try:
            while waiting or running:
                while waiting and len(running) < props.recipe.trainings_at_once:
                    running.append(_start(props, waiting.pop(0)))
                time.sleep(_POLL_S)
                steps = sum(_last_step(props.directory.folder(ref)) for ref in refs)
                progress.advance(steps - told, facts="optimiser steps")
                told = steps
                for training in [one for one in running if one.process.poll() is not None]:
                    running.remove(training)
                    with training.process:  # closes its pipe
                        pass
                    yield training.ref, _counts(training)
        finally:
            for training in running:
                _stop(training)


def _start(props: Props, ref: StageRef) -> _Training:
    stage = props.recipe.train[ref.name]
    config = TrainConfig.model_validate(stage.model_dump(include=set(TrainConfig.model_fields)))
    config = config.model_copy(update={"seed": config.seed + props.recipe.seed})
    curation = StageRef(kind=StageKind.CURATE, name=stage.examples)
    examples = props.directory.folder(curation) / "examples.jsonl"
    folder = props.directory.folder(ref)
    order = TrainingOrder(examples=examples, base=props.base_path(stage.base), config=config)
    write_atomic(folder / "order.json", order.model_dump_json(indent=1) + "\n")
    command = [*(stage.launcher or (sys.executable,)), "-m", "understudy.train", str(folder), "--end-with-input"]
    with _log(folder) as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
    return _Training(ref, folder, process)


@contextmanager
def _log(folder: Path) -> Iterator[IO[bytes]]:
    with (folder / "output.log").open("ab") as log:
        yield log


def _stop(training: _Training) -> None:
    with training.process:  # closes its pipe, and waits
        training.process.terminate()
        try:
            training.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            training.process.kill()


def _last_step(folder: Path) -> int:
    path = folder / "log.jsonl"
    steps = [line.step for line in read_jsonl(path, LogLine)] if path.exists() else []
    return steps[-1] if steps else 0


def _counts(training: _Training) -> Counts:
    if training.process.returncode != 0:
        said = (training.folder / "output.log").read_text(errors="replace")[-_END_OF_LOG_CHARS:].strip()
        raise StageFailedError(f"{training.ref}: the training ended with {training.process.returncode}:\n{said}")
    summary = TrainSummary.model_validate_json((training.folder / "summary.json").read_bytes())
    return {
        "steps": summary.n_steps,
        "seen_tokens": summary.n_tokens_seen,
        "trained_tokens": summary.n_trained_seen,
        "last_loss": round(summary.last_loss or 0.0, 4),
    }
