"""``order.json``: what a process of its own is told to train.

In: what a walk knows of a stage. Out: the same student as a call of ``train`` or ``distil_on_policy`` gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from understudy.agents import RuntimeConfig
from understudy.models import OpenAIChatConfig
from understudy.records import Record
from understudy.training.config import TrainConfig
from understudy.training.on_policy import OnPolicyConfig, distil_on_policy
from understudy.training.training import train


class TrainOrder(Record):
    """Train a base on examples."""

    kind: Literal["train"] = "train"
    examples: Path
    base: str
    """Folder or Hub id."""
    config: TrainConfig
    acting: RuntimeConfig | None = None
    """With what the code of probed replies is run."""

    def carry_out(self, folder: Path) -> None:
        """Raises what ``train`` raises."""
        train(self.examples, self.config, self.base, folder, acting=self.acting, quiet=True)


class OnPolicyOrder(Record):
    """Let a student act at the steps of examples, and a teacher judge."""

    kind: Literal["on_policy"] = "on_policy"
    examples: Path
    student: str
    teacher: str | OpenAIChatConfig
    config: OnPolicyConfig

    def carry_out(self, folder: Path) -> None:
        """Raises what ``distil_on_policy`` raises."""
        distil_on_policy(self.examples, self.config, self.student, self.teacher, folder, quiet=True)


TrainingOrder = Annotated[TrainOrder | OnPolicyOrder, Field(discriminator="kind")]
_ORDER: TypeAdapter[TrainingOrder] = TypeAdapter(TrainingOrder)
ORDER = "order.json"
END_WITH_INPUT = "--end-with-input"
"""What a walk says to a training that is to end when the walk does."""


def read_order(folder: Path) -> TrainingOrder:
    """The order that lies in a training's folder. Raises ``FileNotFoundError``."""
    return _ORDER.validate_json((folder / ORDER).read_bytes())
