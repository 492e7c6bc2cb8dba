"""Settings of a training.

In: a recipe's ``train`` section. Out: ``TrainConfig``. ``TrainerConfig`` holds what every training by gradient descent
shares. The defaults are the paper's protocol (appendix B): LoRA of rank 64, AdamW at 2e-4, linear decay without
warm-up, two epochs, eight sequences a step. Not here: which examples.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from understudy.annotations import SpeedOnly
from understudy.records import Record


class Method(StrEnum):
    """Which weights are trained."""

    FULL = "full"
    LORA = "lora"
    QLORA = "qlora"
    """LoRA on a base held in four bits. Needs bitsandbytes; on a CPU it runs too."""


class Schedule(StrEnum):
    """The learning rate after the warm-up."""

    LINEAR = "linear"
    """Down to 0."""
    COSINE = "cosine"
    CONSTANT = "constant"
    STABLE_DECAY = "stable_decay"
    """Constant, then linearly down to 0 over the last ``decay_ratio`` of the steps."""


class OverLong(StrEnum):
    """What happens to a sequence of more than ``max_length`` tokens. Either way it is counted."""

    DROP = "drop"
    CUT_AT_STEP = "cut_at_step"
    """Keep the steps that fit completely, never a part of one."""


class Dtype(StrEnum):
    """Number format of the base's weights and of its computations."""

    AUTO = "auto"
    """bfloat16 if a GPU has it, float32 elsewhere."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Attention(StrEnum):
    """How attention is computed."""

    SDPA = "sdpa"
    FLASH = "flash_attention_2"
    """Needs a GPU and flash-attn; rows then go through the model one at a time."""


class LoraSettings(Record):
    """The adapter: on all linear layers but the output head, without bias."""

    r: Annotated[int, Field(gt=0)] = 64
    alpha: Annotated[int, Field(gt=0)] = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05


class EvalCallbackConfig(Record):
    """Replies that are sampled from the student while it trains."""

    every_steps: Annotated[int, Field(gt=0)]
    n_prompts: Annotated[int, Field(gt=0)] = 16
    """Prompts of first steps, taken from the examples."""
    max_new_tokens: Annotated[int, Field(gt=0)] = 256
    run_code: bool | None = None
    """Whether the replies' code is run with the recipe's tools and sandbox, each in a fresh episode and for a few
    seconds at most. None: only if the recipe has no tools except a search by URL or in memory. True also opens an index
    in the training's process and calls tools that may have effects.
    """


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, lt=1)]


class TrainerConfig(Record):
    """Settings that all trainings by gradient descent share, for any loss."""

    method: Method = Method.LORA
    lora: LoraSettings = LoraSettings()
    learning_rate: Positive = 2e-4
    schedule: Schedule = Schedule.LINEAR
    warmup_ratio: Ratio = 0.0
    """Share of all steps in which the rate rises from 0."""
    decay_ratio: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of all steps in which the schedule ``stable_decay`` falls."""
    betas: tuple[Ratio, Ratio] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    max_grad_norm: Positive = 1.0
    epochs: Positive | None = 2.0
    max_steps: Annotated[int, Field(gt=0)] | None = None
    """Optimiser steps. Exactly one of ``epochs`` and ``max_steps`` is set."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    """Sequences an optimiser step, over all devices. Packing does not change it."""
    max_length: Annotated[int, Field(gt=1)] = 10_240
    """Tokens of a sequence. A model whose window is shorter is trained on sequences that fit its window."""
    tokens_per_pass: Annotated[int, Field(gt=0)] | None = None
    """Tokens, padding included, that go through the model at once; a step takes as many passes as it needs.
    None: as many as ``activations_gb`` allows. One sequence always goes in one pass.
    """
    activations_gb: Annotated[Positive | None, SpeedOnly] = None
    """Memory, in 10^9 bytes, that the activations of one pass may take. A longer step takes several passes; a pass of
    a single row that is still too large computes its activations again in the backward pass. None: on a CPU 1.5 times
    the model's weights, but at least 1; on a GPU a third of its memory. Nothing is planned with FSDP or DeepSpeed.
    """
    gradient_checkpointing: bool = False
    """Compute activations again in every backward pass: less memory, about a third more time."""
    dtype: Dtype = Dtype.AUTO
    attention: Attention = Attention.SDPA
    n_threads: Annotated[Annotated[int, Field(gt=0)] | None, SpeedOnly] = None
    """Threads of torch on a CPU; None leaves torch's choice."""
    seed: int = Field(default=42, ge=0, lt=2**63)
    log_every_steps: Annotated[int, Field(gt=0)] = 10
    save_every_steps: Annotated[Annotated[int, Field(gt=0)] | None, SpeedOnly] = None
    """Steps between checkpoints from which a killed training resumes; None: about ten a training."""
    report_to: Annotated[tuple[str, ...], SpeedOnly] = ()
    """Trackers by their transformers name, such as ``tensorboard`` or ``wandb``."""

    @model_validator(mode="after")
    def _one_length_of_training(self) -> Self:
        if (self.epochs is None) == (self.max_steps is None):
            raise ValueError(f"set one of epochs and max_steps: got epochs={self.epochs}, max_steps={self.max_steps}")
        if self.schedule is Schedule.STABLE_DECAY and self.warmup_ratio + self.decay_ratio > 1:
            shares = f"warmup_ratio={self.warmup_ratio:g}, decay_ratio={self.decay_ratio:g}"
            raise ValueError(f"expected shares of all steps that are 1 at most together; got {shares}")
        return self

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("train", "qlora") if self.method is Method.QLORA else ("train",)


class TrainConfig(TrainerConfig):
    """One training on examples."""

    packing: bool = True
    """Concatenate the sequences of a step in rows as long as the longest of them; off: one padded row each."""
    group_by_length: bool = False
    """Batches of sequences of similar length: less padding, less random order."""
    over_long: OverLong = OverLong.DROP
    eval_callback: EvalCallbackConfig | None = None
