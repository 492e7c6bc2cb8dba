"""Stages that train, each in its own process, several at a time. In: stages whose examples exist. Out: their
checkpoints and counts. A separate process returns its memory, can be started by a launcher such as ``accelerate
launch``, and ends with the run, however the run ends. A new training method is a subclass of ``TrainingStage`` that
defines the job of its process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from understudy.agents import RuntimeConfig
from understudy.pipeline.stage import ConfigT, Counts, Stage, StageFailedError
from understudy.progress import Progress
from understudy.records import Example, Message, Record, Role, StageRef, Target, ToolSchema
from understudy.run_layout import EVAL_LOG, EXAMPLES, TRAINING_LOG, TRAINING_OUTPUT
from understudy.runs import read_jsonl
from understudy.training import (
    EvalCallbackConfig,
    EvalLine,
    LogLine,
    TrainingJob,
    read_failure,
    read_progress,
    write_job,
)
from understudy.training.fitting import finished_summary
from understudy.training.jobs import END_WITH_INPUT

OwnT = TypeVar("OwnT", bound=Record)

_POLL_S = 0.2
_END_OF_LOG_CHARS = 2000


class TrainingStage(Stage[ConfigT]):
    """A stage whose student other stages can name as a model. Its folder contains a checkpoint and a log."""

    provides = Target.MODEL

    def job(self) -> TrainingJob:
        """The job of the process."""
        raise NotImplementedError

    @property
    def launcher(self) -> tuple[str, ...]:
        """Command before ``-m understudy.training``; empty: this Python."""
        return ()

    def run(self) -> Counts:
        """Train by itself; the pipeline trains several together."""
        ((_, counts),) = run_trainings([self])
        return counts

    def prompts(self) -> Iterator[tuple[tuple[Message, ...], tuple[ToolSchema, ...]]]:
        """Messages before a reply, and the tools that it may call, for comparing the student with its base: here the
        initial messages of its examples.
        """
        curation = self.context.recipe.input_of(self.ref, Target.EXAMPLES)
        for example in read_jsonl(self.context.directory.folder(curation) / EXAMPLES, Example):
            first_reply = next(n for n, message in enumerate(example.messages) if message.role is Role.ASSISTANT)
            yield example.messages[:first_reply], example.tools

    def data_counts(self) -> Counts:
        """Counts of the stage's own data, in addition to the counts that all trainings have."""
        return {}

    def training_config(self, config_class: type[OwnT]) -> OwnT:
        """The part of the config that the training reads, with the seed of the recipe."""
        fields: Any = config_class.model_fields
        own = config_class.model_validate(self.config.model_dump(include=set(fields)))
        return own.model_copy(update={"seed": getattr(own, "seed", 0) + self.context.recipe.seed})

    def examples_path(self, name: str) -> Path:
        """The examples of the stage that a config names."""
        return self.context.directory.folder(self.context.stage_named(Target.EXAMPLES, name)) / EXAMPLES

    def runtime_for(self, callback: EvalCallbackConfig | None) -> RuntimeConfig | None:
        """The runtime with which the eval callback runs code; None if tools are expensive to open and ``run_code`` is
        not set.
        """
        if callback is None or callback.run_code is False:
            return None
        runtime = self.context.acting()
        return runtime if callback.run_code or runtime.is_cheap_to_open else None


@dataclass(frozen=True, slots=True)
class _Training:
    """A process that trains."""

    stage: TrainingStage[Any]
    process: subprocess.Popen[bytes]

    @property
    def ref(self) -> StageRef:
        return self.stage.ref

    @property
    def folder(self) -> Path:
        return self.stage.folder


def run_trainings(stages: Sequence[TrainingStage[Any]]) -> Iterator[tuple[StageRef, Counts]]:
    """Run trainings that do not depend on one another; yield each when it ends.

    Raises ``StageFailedError`` with the end of the process's output. The other trainings are then stopped; they resume
    from their last checkpoint when the recipe is run again.
    """
    waiting = list(stages)
    running: list[_Training] = []
    context = stages[0].context
    context.stop_servers()
    label = " + ".join(str(stage.ref) for stage in stages)
    saved = sum(state.saved_step for stage in stages if (state := read_progress(stage.folder)) is not None)
    steps: float = saved
    planned = [getattr(stage.config, "max_steps", None) or getattr(stage.config, "n_steps", None) for stage in stages]
    total = None if None in planned else sum(filter(None, planned))
    with Progress(label, total, done=saved, quiet=context.quiet) as progress:
        try:
            while waiting or running:
                while waiting and len(running) < context.recipe.trainings_at_once:
                    running.append(_start(waiting.pop(0)))
                time.sleep(_POLL_S)
                steps = _show(progress, stages, steps)
                for training in [one for one in running if one.process.poll() is not None]:
                    running.remove(training)
                    with training.process:  # closes its pipe
                        pass
                    yield training.ref, _counts(training)
        except KeyboardInterrupt:
            for training in running:
                if (state := read_progress(training.folder)) is not None:
                    context.say(f"{training.ref}: {state.kept}")
            raise
        finally:
            for training in running:
                _stop(training)
            context.for_training.close()


def _show(progress: Progress, stages: Sequence[TrainingStage[Any]], shown: float) -> float:
    """Show the optimiser steps of all trainings; ``shown`` steps are on the bar already. Return how many are shown now.

    The passes of a step move the bar too.
    """
    states = [state for stage in stages if (state := read_progress(stage.folder)) is not None]
    if len(states) == len(stages):  # a training knows its steps when it has read its examples
        progress.expect(sum(state.n_steps for state in states))
    elif not shown:
        progress.advance(0, facts="reading the model and the examples")
    losses = ", ".join(f"{state.loss:.3f}" for state in states if state.loss is not None)
    steps = sum(state.step for state in states)
    if steps > shown:
        progress.advance(steps - shown, facts=f"optimiser steps, loss {losses}" if losses else "optimiser steps")
    return max(steps, shown)


def _start(stage: TrainingStage[Any]) -> _Training:
    write_job(stage.folder, stage.job())
    command = [*(stage.launcher or (sys.executable,)), "-m", "understudy.training", str(stage.folder), END_WITH_INPUT]
    # A user's modules are found there as they are here.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with _log(stage.folder) as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    return _Training(stage, process)


@contextmanager
def _log(folder: Path) -> Iterator[IO[bytes]]:
    with (folder / TRAINING_OUTPUT).open("ab") as log:
        yield log


def _stop(training: _Training) -> None:
    with training.process:  # closes its pipe, and waits
        training.process.terminate()
        try:
            training.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            training.process.kill()


def _counts(training: _Training) -> Counts:
    output = training.folder / TRAINING_OUTPUT
    if training.process.returncode != 0:
        if (failure := read_failure(training.folder)) is not None:
            raise StageFailedError(f"{training.ref}: {failure.message}\nAll that it printed: {output}")
        printed = output.read_text(errors="replace")[-_END_OF_LOG_CHARS:].strip()
        raise StageFailedError(f"{training.ref}: the training ended with {training.process.returncode}:\n{printed}")
    lines = list(read_jsonl(training.folder / TRAINING_LOG, LogLine))
    return {
        "steps": lines[-1].step,
        "seen_tokens": sum(line.n_tokens for line in lines),
        "trained_tokens": sum(line.n_trained for line in lines),
        "last_loss": round(lines[-1].loss, 4),
        **{name: round(mean, 4) for name, mean in lines[-1].metrics.items()},
        **training.stage.data_counts(),
        **_dropped(training.folder),
        **_last_eval(training.folder / EVAL_LOG),
    }


def _dropped(folder: Path) -> Counts:
    """Counts of sequences that were too long for the settings or the model."""
    summary = finished_summary(folder)
    n_dropped = 0 if summary is None else summary.counts.n_over_long - summary.counts.n_cut
    return {"dropped_too_long": n_dropped} if n_dropped else {}


def _last_eval(path: Path) -> Counts:
    """The last measurements of the eval callback, if there are any."""
    if not path.exists():
        return {}
    last = list(read_jsonl(path, EvalLine))[-1]
    ran = {} if last.code_runs_rate is None else {"code_runs_rate": round(last.code_runs_rate, 4)}
    return {"parse_rate": round(last.parse_rate, 4), "stop_rate": round(last.stop_rate, 4), **ran}
