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
from typing import IO, TypeVar

from understudy.agents import RuntimeConfig
from understudy.pipeline.attempts import Counts, StageFailedError
from understudy.pipeline.props import Props
from understudy.progress import Progress
from understudy.recipe import StageRef
from understudy.records import StageKind
from understudy.runs import read_jsonl
from understudy.training import (
    EvalCallbackConfig,
    EvalLine,
    LogLine,
    OnPolicyConfig,
    OnPolicyJob,
    TrainConfig,
    TrainingJob,
    TrainJob,
    read_failure,
    read_progress,
    write_job,
)
from understudy.training.fitting import LOG
from understudy.training.jobs import END_WITH_INPUT
from understudy.training.training import EVAL

ConfigT = TypeVar("ConfigT", TrainConfig, OnPolicyConfig)

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

    Raises ``StageFailedError`` with the end of the process's output. The others are stopped then, and resume from their
    last checkpoint when the recipe is run again.
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
    folder = props.directory.folder(ref)
    write_job(folder, _job(props, ref))
    launcher = props.recipe.train[ref.name].launcher if ref.kind is StageKind.TRAIN else ()
    command = [*(launcher or (sys.executable,)), "-m", "understudy.training", str(folder), END_WITH_INPUT]
    with _log(folder) as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
    return _Training(ref, folder, process)


def _job(props: Props, ref: StageRef) -> TrainingJob:
    if ref.kind is StageKind.TRAIN:
        stage = props.recipe.train[ref.name]
        config = _config(props, stage, TrainConfig)
        return TrainJob(
            examples=_examples(props, stage.examples),
            base=props.base_path(stage.base),
            config=config,
            acting=acting_of(props, config.eval_callback),
        )
    distilled = props.recipe.on_policy[ref.name]
    return OnPolicyJob(
        examples=_examples(props, distilled.examples),
        student=props.weights(distilled.student),
        teacher=props.judge(distilled.teacher),
        config=_config(props, distilled, OnPolicyConfig),
    )


def acting_of(props: Props, evaluates: EvalCallbackConfig | None) -> RuntimeConfig | None:
    """With what a training's eval callback runs code; None where tools are heavy and ``run_code`` is not set."""
    if evaluates is None or evaluates.run_code is False:
        return None
    acting = props.acting()
    return acting if evaluates.run_code or acting.is_light else None


def _config(props: Props, stage: ConfigT, config: type[ConfigT]) -> ConfigT:
    """The room's part of a stage, with the seed of the recipe."""
    own = config.model_validate(stage.model_dump(include=set(config.model_fields)))
    return own.model_copy(update={"seed": own.seed + props.recipe.seed})


def _examples(props: Props, curation: str) -> Path:
    return props.directory.folder(StageRef(kind=StageKind.CURATE, name=curation)) / "examples.jsonl"


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
    progress = read_progress(folder)
    return int(progress.step) if progress else 0


def _counts(training: _Training) -> Counts:
    failure = read_failure(training.folder)
    if training.process.returncode != 0 and failure is not None:
        raise StageFailedError(
            f"{training.ref}: {failure.message}\nAll that it printed: {training.folder / 'output.log'}"
        )
    if training.process.returncode != 0:
        said = (training.folder / "output.log").read_text(errors="replace")[-_END_OF_LOG_CHARS:].strip()
        raise StageFailedError(f"{training.ref}: the training ended with {training.process.returncode}:\n{said}")
    lines = list(read_jsonl(training.folder / LOG, LogLine))
    return {
        "steps": lines[-1].step,
        "seen_tokens": sum(line.n_tokens for line in lines),
        "trained_tokens": sum(line.n_trained for line in lines),
        "last_loss": round(lines[-1].loss, 4),
        **_last_eval(training.folder / EVAL),
    }


def _last_eval(path: Path) -> Counts:
    """What the student's replies were like at the end, where they were looked at."""
    if not path.exists():
        return {}
    last = list(read_jsonl(path, EvalLine))[-1]
    ran = {} if last.code_runs_rate is None else {"code_runs_rate": round(last.code_runs_rate, 4)}
    return {"parse_rate": round(last.parse_rate, 4), "stop_rate": round(last.stop_rate, 4), **ran}
