"""From examples to a student's checkpoint.

In: ``examples.jsonl``, the config, a base model, a folder. Out in the folder: ``checkpoint/``, ``log.jsonl``,
``summary.json``. A training that was killed goes on from its last whole checkpoint, to the same losses. Not here: the
choice of examples, evaluation. Paper: section 3, appendix B.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.agents import RuntimeConfig
from understudy.progress import Progress
from understudy.records import Example
from understudy.runs import digest, read_jsonl, read_user_jsonl, write_atomic
from understudy.training.arguments import trl_arguments
from understudy.training.checkpoint import save_student
from understudy.training.claim import claim
from understudy.training.config import Attention, Method, TrainConfig
from understudy.training.encoding import TokenCounts, TrainSequence, encode
from understudy.training.layout import RowPass, passes_of
from understudy.training.loading import adapter_settings, load_base, load_tokenizer, torch_threads
from understudy.training.plan import steps_of
from understudy.training.running import CodeRunner
from understudy.training.summary import LogLine, StudentCard, TrainSummary

if TYPE_CHECKING:
    from understudy.training.trainer import StudentTrainer

CHECKPOINT, LOG, PROBE, SUMMARY = "checkpoint", "log.jsonl", "probe.jsonl", "summary.json"
RESUME = "resume"
"""Folder of the checkpoints that a killed training goes on from; gone when it is finished."""


@dataclass(frozen=True, slots=True)
class _Job:
    examples_path: Path
    config: TrainConfig
    base: str
    out_dir: Path

    @property
    def identity(self) -> str:
        examples = hashlib.sha256(self.examples_path.read_bytes()).hexdigest()[:16]
        return digest({"config": self.config.model_dump(mode="json"), "base": self.base, "examples": examples})


@dataclass(frozen=True, slots=True)
class _Steps:
    """The whole course of a training."""

    sequences: list[TrainSequence]
    counts: TokenCounts
    of_step: list[list[int]]
    """Indices of sequences."""
    tokens_of_step: list[tuple[int, int]]
    """Tokens and trained tokens."""


def train(
    examples_path: Path,
    config: TrainConfig,
    base: str,
    out_dir: Path,
    *,
    acting: RuntimeConfig | None = None,
    quiet: bool = False,
) -> TrainSummary:
    """Train ``base`` (folder or Hub id) on the examples of a file; return what it came to.

    ``acting``: with what the code of probed replies is run; None: it is not run. Called again on a folder with the same
    training, it goes on where that stopped, or returns its summary. Raises ``OtherTrainingError`` for a folder of
    another training, ``NothingToTrainError`` where no token would be trained, ``ValueError`` for a probe that is to run
    code without ``acting``.
    """
    if acting is None and config.probe is not None and config.probe.run_code:
        raise ValueError("probe.run_code: expected the sandbox and tools to run code with (acting); came none")
    job = _Job(examples_path, config, base, out_dir)
    identity = job.identity
    done = _begin(out_dir, identity)
    if done is not None:
        return done
    if config.probe is not None and config.probe.run_code is False:
        acting = None
    with torch_threads(config.n_threads):
        return _train(job, identity, acting, quiet)


def _train(job: _Job, identity: str, acting: RuntimeConfig | None, quiet: bool) -> TrainSummary:
    from understudy.training.watch import Watch, last_whole_checkpoint

    tokenizer = load_tokenizer(job.base)
    steps = _plan(job, tokenizer)
    trainer = _open_trainer(tokenizer, job, steps)
    resume = last_whole_checkpoint(job.out_dir / RESUME)
    n_done = resume[1] if resume else 0
    with (
        ExitStack() as stack,
        Progress(f"train {job.out_dir.name}", len(steps.of_step), done=n_done, quiet=quiet) as progress,
    ):
        watch = Watch(trainer, job.config, steps.tokens_of_step, job.out_dir / LOG, progress)
        if job.config.probe is not None:
            from understudy.training.probe import open_probe

            watch.probe = open_probe(
                trainer,
                tokenizer,
                read_user_jsonl(job.examples_path, Example),
                job.config.probe,
                job.out_dir / PROBE,
                runner=stack.enter_context(CodeRunner(acting)) if acting is not None else None,
                n_done=n_done,
            )
        trainer.add_callback(watch)
        started = time.monotonic()
        trainer.train(resume_from_checkpoint=str(resume[0]) if resume else None)
        train_s = time.monotonic() - started
    card = StudentCard(
        base=job.base,
        method=job.config.method,
        is_adapter=job.config.method is not Method.FULL,
        digest=identity,
        n_steps=len(steps.of_step),
        n_trainable=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    )
    save_student(trainer, tokenizer, card, job.out_dir / CHECKPOINT)
    summary = _summarise(card, steps, job.out_dir / LOG).model_copy(update={"train_s": train_s, "resumed_from": n_done})
    if trainer.is_world_process_zero():
        write_atomic(job.out_dir / SUMMARY, summary.model_dump_json(indent=2) + "\n")
        shutil.rmtree(job.out_dir / RESUME, ignore_errors=True)
    return summary


def _begin(out_dir: Path, identity: str) -> TrainSummary | None:
    """Claim the folder for this training; return its summary where it is finished already."""
    claim(out_dir, identity)
    summary = out_dir / SUMMARY
    return TrainSummary.model_validate_json(summary.read_bytes()) if summary.exists() else None


def _plan(job: _Job, tokenizer: Any) -> _Steps:
    from understudy.models.rendering import Renderer

    examples = read_user_jsonl(job.examples_path, Example)
    sequences, counts = encode(examples, Renderer(tokenizer), job.config.max_length, job.config.over_long)
    of_step = steps_of([len(sequence) for sequence in sequences], job.config)
    trained = [sum(weight > 0 for weight in sequence.weights) for sequence in sequences]
    tokens = [(sum(len(sequences[i]) for i in step), sum(trained[i] for i in step)) for step in of_step]
    return _Steps(sequences, counts, of_step, tokens)


def _open_trainer(tokenizer: Any, job: _Job, steps: _Steps) -> StudentTrainer:
    from datasets import Dataset
    from transformers import PrinterCallback

    from understudy.training.trainer import StudentTrainer

    arguments = trl_arguments(job.config, job.out_dir / RESUME, len(steps.of_step))  # before the model: see there
    trainer = StudentTrainer(
        model=load_base(job.base, job.config),
        args=arguments,
        train_dataset=Dataset.from_dict({"input_ids": [[0]], "labels": [[0]]}),  # never read: the steps are the plan's
        data_collator=list,
        processing_class=tokenizer,
        peft_config=adapter_settings(job.config),
    )
    trainer.remove_callback(PrinterCallback)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:  # TRL makes the adapter of a base in four bits bfloat16, which loses small updates
            parameter.data = parameter.data.float()
    rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def passes_of_step(step: int) -> list[RowPass]:
        by_length = sorted((steps.sequences[index] for index in steps.of_step[step]), key=len, reverse=True)
        mine = by_length[rank::world]
        if not mine:  # fewer sequences than devices: this one only keeps the others company
            shortest = by_length[-1]
            mine = [TrainSequence(shortest.ids, (0.0,) * len(shortest))]
        return passes_of(
            mine,
            packing=job.config.packing,
            tokens_per_pass=job.config.tokens_per_pass,
            pad_id=pad_id,
            one_row=job.config.attention is Attention.FLASH,
        )

    trainer.attach(len(steps.of_step), passes_of_step)
    return trainer


def _summarise(card: StudentCard, steps: _Steps, log_path: Path) -> TrainSummary:
    import torch

    losses = [line.loss for line in read_jsonl(log_path, LogLine)]
    return TrainSummary(
        student=card,
        counts=steps.counts,
        n_steps=len(steps.of_step),
        n_tokens_seen=sum(n for n, _ in steps.tokens_of_step),
        n_trained_seen=sum(n for _, n in steps.tokens_of_step),
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
    )
