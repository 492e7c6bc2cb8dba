"""From examples to a student's checkpoint.

In: ``examples.jsonl``, the config, a base model, a folder. Out in the folder: ``checkpoint/`` (adapter or full weights,
tokenizer, ``student.json``), ``log.jsonl``, ``summary.json``. A training that was killed goes on from its last whole
checkpoint, to the same losses. Not here: choice of examples, evaluation. Paper: section 3, appendix B.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.parallel import Progress
from understudy.records import Example, Record
from understudy.runs import digest, read_jsonl, write_atomic
from understudy.train.config import Attention, Method, Schedule, TrainConfig
from understudy.train.encoding import TokenCounts, TrainSequence, encode
from understudy.train.layout import RowPass, passes_of
from understudy.train.loading import adapter_settings, computes_in_bfloat16, load_base
from understudy.train.plan import steps_of
from understudy.train.summary import LogLine, StudentCard, TrainSummary

if TYPE_CHECKING:
    from understudy.train.trainer import StudentTrainer

CHECKPOINT, LOG, SUMMARY, RESUME, STARTED, CARD = (
    "checkpoint", "log.jsonl", "summary.json", "resume", "started.json", "student.json",
)  # fmt: skip


class OtherTrainingError(ValueError):
    """The folder holds another training: other examples, base or settings."""


class _Started(Record):
    """``started.json``: which training a folder belongs to."""

    digest: str


def train(examples_path: Path, config: TrainConfig, base: str, out_dir: Path, *, quiet: bool = False) -> TrainSummary:
    """Train ``base`` (folder or Hub id) on the examples of a file; return what it came to.

    Called again on a folder with the same training, it goes on where that stopped, or returns its summary. Raises
    ``OtherTrainingError`` for a folder of another training, ``NothingToTrainError`` where no token would be trained.
    """
    identity = digest({"config": config.model_dump(mode="json"), "base": base, "examples": _digest_of(examples_path)})
    done = _begin(out_dir, identity)
    if done is not None:
        return done
    with _threads(config.n_threads):
        return _train(examples_path, config, base, out_dir, identity, quiet)


def _train(
    examples_path: Path, config: TrainConfig, base: str, out_dir: Path, identity: str, quiet: bool
) -> TrainSummary:
    from understudy.models.rendering import Renderer
    from understudy.train.watch import Watch, last_whole_checkpoint

    model, tokenizer = load_base(base, config)
    sequences, counts = encode(
        read_jsonl(examples_path, Example), Renderer(tokenizer), config.max_length, config.over_long
    )
    steps = steps_of([len(sequence) for sequence in sequences], config)
    tokens_of_step = [_tokens(sequences, step) for step in steps]
    trainer = _open_trainer(model, tokenizer, config, out_dir, steps, sequences)
    resume = last_whole_checkpoint(out_dir / RESUME)
    n_done = resume[1] if resume else 0
    with Progress(f"train {out_dir.name}", len(steps), done=n_done, quiet=quiet) as progress:
        watch = Watch(trainer, config, tokens_of_step, out_dir / LOG, progress)
        trainer.add_callback(watch)
        if config.probe is not None:
            watch.probe = _open_probe(trainer, tokenizer, examples_path, config, out_dir)
        started = time.monotonic()
        trainer.train(resume_from_checkpoint=str(resume[0]) if resume else None)
        train_s = time.monotonic() - started
    card = StudentCard(
        base=base,
        method=config.method,
        is_adapter=config.method is not Method.FULL,
        digest=identity,
        n_steps=len(steps),
        n_trainable=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    )
    _save(trainer, tokenizer, card, out_dir)
    summary = _summarise(card, counts, tokens_of_step, out_dir / LOG, train_s, n_done)
    if trainer.is_world_process_zero():
        write_atomic(out_dir / SUMMARY, summary.model_dump_json(indent=2) + "\n")
        shutil.rmtree(out_dir / RESUME, ignore_errors=True)
    return summary


def _begin(out_dir: Path, identity: str) -> TrainSummary | None:
    """Claim the folder for this training; return its summary where it is finished already."""
    out_dir.mkdir(parents=True, exist_ok=True)
    started = out_dir / STARTED
    if started.exists():
        came = _Started.model_validate_json(started.read_bytes()).digest
        if came != identity:
            raise OtherTrainingError(
                f"{out_dir} holds the training {came}, but config, base and examples are those of {identity}: "
                "choose another folder, or delete this one"
            )
    else:
        write_atomic(started, _Started(digest=identity).model_dump_json())
    summary = out_dir / SUMMARY
    return TrainSummary.model_validate_json(summary.read_bytes()) if summary.exists() else None


def _open_trainer(
    model: Any,
    tokenizer: Any,
    config: TrainConfig,
    out_dir: Path,
    steps: list[list[int]],
    sequences: list[TrainSequence],
) -> StudentTrainer:
    from datasets import Dataset
    from transformers import PrinterCallback

    from understudy.train.trainer import StudentTrainer

    trainer = StudentTrainer(
        model=model,
        args=_arguments(config, out_dir, len(steps)),
        train_dataset=Dataset.from_dict({"input_ids": [[0]], "labels": [[0]]}),  # never read: the steps are the plan's
        data_collator=list,
        processing_class=tokenizer,
        peft_config=adapter_settings(config),
    )
    trainer.remove_callback(PrinterCallback)
    rank, world = trainer.accelerator.process_index, trainer.accelerator.num_processes
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id

    def passes_of_step(step: int) -> list[RowPass]:
        by_length = sorted(steps[step], key=lambda index: -len(sequences[index]))
        mine = [sequences[index] for index in by_length[rank::world]]
        if not mine:  # fewer sequences than devices: this one only keeps the others company
            shortest = sequences[by_length[-1]]
            mine = [TrainSequence(shortest.ids, (0.0,) * len(shortest))]
        return passes_of(
            mine,
            packing=config.packing,
            tokens_per_pass=config.tokens_per_pass,
            pad_id=pad_id,
            one_row=config.attention is Attention.FLASH,
        )

    trainer.attach(len(steps), passes_of_step)
    return trainer


def _arguments(config: TrainConfig, out_dir: Path, n_steps: int) -> Any:
    import torch
    from trl import SFTConfig

    schedule = {"type": config.schedule.value, "kwargs": {}}
    if config.schedule is Schedule.STABLE_DECAY:
        decay = {"num_decay_steps": max(1, round(n_steps * config.decay_share)), "decay_type": "linear"}
        schedule = {"type": "warmup_stable_decay", "kwargs": decay}
    elif config.schedule is Schedule.CONSTANT:
        schedule["type"] = "constant_with_warmup"
    return SFTConfig(
        output_dir=str(out_dir / RESUME),
        max_steps=n_steps,
        per_device_train_batch_size=1,  # one step, laid out by us
        gradient_accumulation_steps=1,
        learning_rate=config.learning_rate,
        lr_scheduler_type=schedule["type"],
        lr_scheduler_kwargs=schedule["kwargs"],
        warmup_steps=round(n_steps * config.warmup_share),
        adam_beta1=config.betas[0],
        adam_beta2=config.betas[1],
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        bf16=computes_in_bfloat16(config),
        use_cpu=not torch.cuda.is_available(),
        **{_checkpointing_setting(): config.gradient_checkpointing},
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        logging_strategy="steps" if config.report_to else "no",
        logging_steps=config.log_every_steps,
        save_strategy="steps",
        save_steps=config.save_every_steps or max(1, -(-n_steps // 10)),
        save_total_limit=2,
        report_to=list(config.report_to),
        disable_tqdm=True,
        seed=config.seed,
        dataloader_pin_memory=False,
    )


def _checkpointing_setting() -> str:
    """transformers renamed it, and warns of the old name."""
    from trl import SFTConfig

    names = {field.name for field in dataclasses.fields(SFTConfig)}
    return "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"


def _open_probe(trainer: Any, tokenizer: Any, examples_path: Path, config: TrainConfig, out_dir: Path) -> Any:
    from understudy.train.probe import open_probe

    assert config.probe is not None
    return open_probe(trainer, tokenizer, read_jsonl(examples_path, Example), config.probe, out_dir / "probe.jsonl")


def _save(trainer: Any, tokenizer: Any, card: StudentCard, out_dir: Path) -> None:
    """Write the checkpoint beside its place and rename it into it."""
    beside = out_dir / f".{CHECKPOINT}.part"
    if trainer.is_world_process_zero():
        shutil.rmtree(beside, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.model.config.use_cache = True
    trainer.save_model(str(beside))
    if not trainer.is_world_process_zero():
        return
    tokenizer.save_pretrained(beside)
    (beside / "training_args.bin").unlink(missing_ok=True)  # a pickle, which nobody should have to trust
    write_atomic(beside / CARD, card.model_dump_json(indent=2) + "\n")
    shutil.rmtree(out_dir / CHECKPOINT, ignore_errors=True)
    beside.rename(out_dir / CHECKPOINT)


def _summarise(
    card: StudentCard,
    counts: TokenCounts,
    tokens_of_step: list[tuple[int, int]],
    log_path: Path,
    train_s: float,
    n_done: int,
) -> TrainSummary:
    import torch

    losses = [line.loss for line in read_jsonl(log_path, LogLine)]
    return TrainSummary(
        student=card,
        counts=counts,
        n_steps=len(tokens_of_step),
        n_tokens_seen=sum(n for n, _ in tokens_of_step),
        n_trained_seen=sum(n for _, n in tokens_of_step),
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None,
        train_s=train_s,
        resumed_from=n_done,
    )


def _tokens(sequences: list[TrainSequence], step: list[int]) -> tuple[int, int]:
    chosen = [sequences[index] for index in step]
    return sum(map(len, chosen)), sum(weight > 0 for sequence in chosen for weight in sequence.weights)


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextlib.contextmanager
def _threads(n_threads: int | None) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
