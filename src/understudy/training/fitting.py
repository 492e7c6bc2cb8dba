"""One training loop for every objective.

In: a base, the config, batches that are laid out, an objective, a folder. Out in the folder: ``checkpoint/``,
``log.jsonl``, ``progress.json``, ``summary.json``. A training that was killed resumes from its last whole checkpoint,
to the same losses. Not here: the contents of the batches and the loss; a training method brings both.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.models.gguf_file import file_sha256
from understudy.progress import Progress
from understudy.run_layout import CHECKPOINT, TRAINING_LOG
from understudy.runs import read_jsonl, write_atomic
from understudy.training.arguments import trl_arguments
from understudy.training.checkpoint import save_student
from understudy.training.config import Method, TrainerConfig
from understudy.training.encoding import TokenCounts
from understudy.training.loading import adapter_settings, load_trainable
from understudy.training.progress import ProgressFile
from understudy.training.summary import LogLine, StudentCard, TrainSummary

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from understudy.training.trainer import Objective, StudentTrainer

SUMMARY = "summary.json"
RESUME = "resume"
"""Folder of the checkpoints that a killed training resumes from; it is removed when the training is finished."""


@dataclass(frozen=True, slots=True)
class Batches:
    """All steps of a training."""

    passes: Callable[[int, int, int, int | None], list[Any]]
    """Of a step (from 0), this device's number, the number of devices and the most tokens of a pass (None: no bound):
    what goes through the model, pass by pass.
    """
    examples: list[list[str]]
    """Ids of the examples of each step."""
    tokens: list[tuple[int, int]]
    """Tokens and trained tokens of each step."""
    counts: TokenCounts


@dataclass(frozen=True, slots=True)
class Fitting:
    """One training, without its data."""

    base: str
    config: TrainerConfig
    out_dir: Path
    identity: str
    """Digest of everything that decides the result."""
    packing: bool = False


def finished_summary(out_dir: Path) -> TrainSummary | None:
    """The summary of a training that is finished."""
    path = out_dir / SUMMARY
    return TrainSummary.model_validate_json(path.read_bytes()) if path.exists() else None


def open_trainer(fitting: Fitting, tokenizer: Any, n_steps: int) -> StudentTrainer:
    """The model under TRL's trainer; its steps are still to be attached."""
    from datasets import Dataset
    from transformers import PrinterCallback

    from understudy.models.loading import without_peft_warning
    from understudy.training.lora_product import fuse_adapters
    from understudy.training.trainer import StudentTrainer

    arguments = trl_arguments(fitting.config, fitting.out_dir / RESUME, n_steps)  # before the model: see there
    with without_peft_warning():
        trainer = StudentTrainer(
            model=load_trainable(fitting.base, fitting.config, packing=fitting.packing),
            args=arguments,
            train_dataset=Dataset.from_dict({"input_ids": [[0]], "labels": [[0]]}),  # never read: see Batches
            data_collator=list,
            processing_class=tokenizer,
            peft_config=adapter_settings(fitting.config),
        )
    trainer.remove_callback(PrinterCallback)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:  # TRL makes the adapter of a base in four bits bfloat16, which loses small updates
            parameter.data = parameter.data.float()
    fuse_adapters(trainer.model)
    return trainer


def attach(trainer: StudentTrainer, batches: Batches, objective: Objective, config: TrainerConfig) -> None:
    """Give the trainer its steps, cut in passes that fit the memory."""
    from understudy.training.heap import give_large_tensors_own_blocks
    from understudy.training.memory import plan_passes
    from understudy.training.trainer import Steps

    rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
    plan = plan_passes(trainer, config)
    trainer.checkpoint_above = plan.checkpoint_above
    if config.gradient_checkpointing:
        give_large_tensors_own_blocks(is_on=True)
    steps = Steps(lambda step: batches.passes(step, rank, world, plan.tokens_per_pass), batches.examples)
    trainer.attach(steps, objective)


def fit(
    fitting: Fitting,
    trainer: StudentTrainer,
    tokenizer: Any,
    batches: Batches,
    objective: Objective,
    *,
    callbacks: Iterable[TrainerCallback] = (),
    quiet: bool = False,
) -> TrainSummary:
    """Train to the end and save the student. Raises ``NotFiniteError`` for NaN or infinite losses and weights."""
    from understudy.training.callbacks import LogCallback, last_whole_checkpoint

    out_dir, n_steps = fitting.out_dir, len(batches.examples)
    attach(trainer, batches, objective, fitting.config)
    resume = last_whole_checkpoint(out_dir / RESUME)
    n_done = resume[1] if resume else 0
    is_first = trainer.is_world_process_zero()
    file = ProgressFile(out_dir, n_steps, n_done, is_writer=is_first)
    log_path = out_dir / TRAINING_LOG
    with (
        Progress(f"train {out_dir.name}", n_steps, done=n_done, quiet=quiet or not is_first) as bar,
        closing(LogCallback(trainer, fitting.config.log_every_steps, batches.tokens, log_path, file, bar)) as log,
    ):
        for callback in (log, *callbacks):
            trainer.add_callback(callback)
        started = time.monotonic()
        with _without_word_of_file_times():
            trainer.train(resume_from_checkpoint=str(resume[0]) if resume else None)
        train_s = time.monotonic() - started
    trainer.require_finite_student()
    card = StudentCard(
        base=fitting.base,
        base_sha256=file_sha256(fitting.base),
        method=fitting.config.method,
        is_adapter=fitting.config.method is not Method.FULL,
        digest=fitting.identity,
        n_steps=n_steps,
        n_trainable=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    )
    save_student(trainer, tokenizer, card, out_dir / CHECKPOINT)
    summary = _summarise(card, batches, log_path).model_copy(update={"train_s": train_s, "resumed_from": n_done})
    if is_first:
        write_atomic(out_dir / SUMMARY, summary.model_dump_json(indent=2) + "\n")
        shutil.rmtree(out_dir / RESUME, ignore_errors=True)
    return summary


def _summarise(card: StudentCard, batches: Batches, log_path: Path) -> TrainSummary:
    import torch

    losses = [line.loss for line in read_jsonl(log_path, LogLine)]
    return TrainSummary(
        student=card,
        counts=batches.counts,
        n_steps=len(batches.tokens),
        n_tokens_seen=sum(n for n, _ in batches.tokens),
        n_trained_seen=sum(n for _, n in batches.tokens),
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    )


@contextmanager
def _without_word_of_file_times() -> Iterator[None]:
    """Hide a warning that users cannot act on: checkpoints that follow within a second are ordered by their numbers."""

    def is_shown(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("mtime may not be reliable")

    logger = logging.getLogger("transformers.trainer_utils")
    logger.addFilter(is_shown)
    try:
        yield
    finally:
        logger.removeFilter(is_shown)
