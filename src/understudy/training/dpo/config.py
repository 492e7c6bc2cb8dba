"""Settings of a training on preference pairs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from understudy.training.config import Positive, TrainerConfig


class DpoConfig(TrainerConfig):
    """One training on preference pairs. A sequence is the messages and one reply; a batch counts pairs."""

    learning_rate: Positive = 5e-6
    epochs: Positive | None = 1.0
    beta: Positive = 0.1
    """How strongly the student is held to the reference: the larger, the closer it stays."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share of pairs that are assumed to be the wrong way round."""
    sft_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Weight of the cross-entropy of the chosen reply, a mean over its tokens, beside the preference loss."""
