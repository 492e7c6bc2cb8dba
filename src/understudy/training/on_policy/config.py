"""Settings of an on-policy distillation."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from understudy.annotations import SpeedOnly
from understudy.records import Record
from understudy.training.config import LoraSettings, Method, Positive


class Divergence(StrEnum):
    """What is minimised between student and teacher at each token."""

    REVERSE_KL = "reverse_kl"
    """From student to teacher: the student avoids tokens that the teacher finds improbable."""
    FORWARD_KL = "forward_kl"
    """From teacher to student: the student covers all tokens that the teacher finds probable."""


class OnPolicyConfig(Record):
    """One on-policy distillation."""

    method: Method = Method.FULL
    """``full`` or ``lora``."""
    lora: LoraSettings = LoraSettings()
    n_steps: Annotated[int, Field(gt=0)] = 200
    """Optimiser steps."""
    batch_size: Annotated[int, Field(gt=0)] = 8
    """Prefixes an optimiser step, one action each."""
    learning_rate: Positive = 2e-5
    max_grad_norm: Positive = 1.0
    divergence: Divergence = Divergence.REVERSE_KL
    temperature: Positive = 1.0
    """Of the student's sampling."""
    max_new_tokens: Annotated[int, Field(gt=0)] = 256
    max_prefix_tokens: Annotated[int, Field(gt=0)] = 8192
    """Longer prefixes are left out."""
    step_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of an action at step k is this to the power k, k from 0: late states are rarer and noisier."""
    teacher_top_k: Annotated[int, Field(gt=0)] = 20
    """Likeliest tokens at each place that a teacher behind a server is asked for; all others count as one outcome.
    vLLM refuses more than its ``--max-logprobs``, which is 20 by default."""
    n_threads: Annotated[Annotated[int, Field(gt=0)] | None, SpeedOnly] = None
    """Threads of torch on a CPU; None leaves torch's choice."""
    seed: int = Field(default=42, ge=0, lt=2**63)
    log_every_steps: Annotated[int, Field(gt=0)] = 10
    save_every_steps: Annotated[Annotated[int, Field(gt=0)], SpeedOnly] = 50
    """A killed distillation resumes from the last step that was saved."""

    @field_validator("method")
    @classmethod
    def _is_not_in_four_bits(cls, method: Method) -> Method:
        if method is Method.QLORA:
            raise ValueError("expected full or lora; got qlora")
        return method

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("train",)
