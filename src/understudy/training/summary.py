"""Records that a training writes about itself: a line of the log, a line of the eval callback, the card of a student,
the summary of a training.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

from understudy.annotations import as_in_package, in_package
from understudy.records import Record
from understudy.training.config import Method
from understudy.training.encoding import TokenCounts


class LogLine(Record):
    """One line of ``log.jsonl``: means and sums since the line before."""

    step: int
    """Optimiser steps done."""
    loss: float
    """Weighted mean over trained tokens, in nats."""
    learning_rate: float
    grad_norm: float | None = None
    """Of the last step, before clipping."""
    n_tokens: int
    n_trained: int
    elapsed_s: float
    """Wall seconds since this process began to train."""
    metrics: dict[str, float] = {}
    """Further means that the objective gives."""


class EvalLine(Record):
    """One line of ``eval_callback.jsonl``: measurements of the student's replies."""

    step: int
    n_replies: int
    parse_rate: float
    """Share of replies that hold an action that can be run."""
    stop_rate: float
    """Share that ended by the end-of-turn token."""
    code_runs_rate: float | None = None
    """Share whose code ran without error with the recipe's tools. None if no code was run, or tools or sandbox
    failed.
    """
    mean_tokens: float


def _where_installed(name: str) -> str:
    try:
        return in_package(name)
    except ValueError:  # the package is not on this machine
        return name


class StudentCard(Record):
    """``student.json`` in a checkpoint: its origin and settings."""

    base: Annotated[str, AfterValidator(_where_installed), PlainSerializer(as_in_package, when_used="json-unless-none")]
    """A Hub id, what lies in an installed package, or a folder. The file names a student of the same run relative to
    this checkpoint.
    """
    base_sha256: str | None = None
    """Of a base that is one file (GGUF)."""
    method: Method
    is_adapter: bool
    digest: str
    """Of settings, base and examples: the same for the same training."""
    n_steps: int
    n_trainable: int
    """Parameters that were trained."""


class TrainSummary(Record):
    """The outcome of a training."""

    student: StudentCard
    counts: TokenCounts
    n_steps: int
    n_tokens_seen: int
    """Tokens that went through the model, without padding, in all steps."""
    n_trained_seen: int
    first_loss: float | None = None
    last_loss: float | None = None
    """Means over the first and the last line of the log."""
    peak_memory_bytes: int | None = None
    """Of the GPU; None on a CPU."""
    train_s: float = 0.0
    """Wall seconds of the training loop of the process that finished."""
    resumed_from: int = 0
    """Step that the finishing process began at."""
