"""Our config as TRL's arguments.

In: a ``TrainerConfig``, a folder for checkpoints, the number of steps. Out: an ``SFTConfig``. TRL prepares no
data: it gets steps that are laid out already. Making the arguments also joins this process to the others that a
launcher started, and chooses its GPU, so the model is loaded after that.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from understudy.training.config import Schedule, TrainerConfig
from understudy.training.loading import computes_in_bfloat16

CHECKPOINTS_PER_TRAINING = 10


def trl_arguments(config: TrainerConfig, folder: Path, n_steps: int) -> Any:
    """TRL's arguments for one training."""
    import torch
    from trl import SFTConfig

    schedule, schedule_settings = _schedule(config, n_steps)
    with _number_format_from_recipe():
        return SFTConfig(
            output_dir=str(folder),
            max_steps=n_steps,
            per_device_train_batch_size=1,  # one step, laid out by us
            gradient_accumulation_steps=1,
            learning_rate=config.learning_rate,
            lr_scheduler_type=schedule,
            lr_scheduler_kwargs=schedule_settings,
            warmup_steps=round(n_steps * config.warmup_ratio),
            adam_beta1=config.betas[0],
            adam_beta2=config.betas[1],
            weight_decay=config.weight_decay,
            max_grad_norm=config.max_grad_norm,
            bf16=computes_in_bfloat16(config),
            use_cpu=not torch.cuda.is_available(),
            packing=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            logging_strategy="steps" if config.report_to else "no",
            logging_steps=config.log_every_steps,
            save_strategy="steps",
            save_steps=config.save_every_steps or max(1, -(-n_steps // CHECKPOINTS_PER_TRAINING)),
            save_total_limit=2,
            report_to=list(config.report_to),
            disable_tqdm=True,
            seed=config.seed,
            dataloader_pin_memory=False,
            ddp_find_unused_parameters=False,
            **{_checkpointing_setting(): config.gradient_checkpointing},
        )


@contextmanager
def _number_format_from_recipe() -> Iterator[None]:
    """A context in which the launcher's number format is hidden from transformers, which would use it in place of the
    recipe's. Every launch has one, from its settings or by default. Only the recipe decides the number format of a
    training.
    """
    before = os.environ.pop("ACCELERATE_MIXED_PRECISION", None)
    try:
        yield
    finally:
        if before is not None:
            os.environ["ACCELERATE_MIXED_PRECISION"] = before


def _schedule(config: TrainerConfig, n_steps: int) -> tuple[str, dict[str, int | str]]:
    """Transformers' name of the schedule, and its settings."""
    if config.schedule is Schedule.STABLE_DECAY:
        n_decay = max(1, round(n_steps * config.decay_ratio))
        return "warmup_stable_decay", {"num_decay_steps": n_decay, "decay_type": "linear"}
    if config.schedule is Schedule.CONSTANT:
        return "constant_with_warmup", {}
    return config.schedule.value, {}


def _checkpointing_setting() -> str:
    """Transformers renamed it, and warns about the old name."""
    from trl import SFTConfig

    names = {field.name for field in dataclasses.fields(SFTConfig)}
    return "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
