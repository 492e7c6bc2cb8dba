"""The settings of a cascade. In a recipe its agents, its teacher and its threshold are names; the pipeline replaces
them by what they name. In Python they are given as configs and a number.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from understudy.agents.agent import AgentConfig
from understudy.agents.signals import AnySignal
from understudy.annotations import AgentRef, ModelRef, ThresholdRef
from understudy.models import ModelConfig
from understudy.registry import PartConfig
from understudy.runs import digest


class TakeOver(StrEnum):
    """Where the teacher begins."""

    START = "start"
    """The student makes its whole attempt first; the teacher makes an attempt of its own and sees nothing of it."""
    STEP = "step"
    """The teacher continues after the student's steps so far. A doubtful reply is not acted on."""


Threshold = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class CascadeConfig(PartConfig):
    """A student acts first, and a teacher takes over if the student is unsure. The agent's model is the student's."""

    kind: Literal["cascade"] = "cascade"
    student_agent: AgentRef | AgentConfig = Field(union_mode="left_to_right")
    """An agent of the recipe, or its settings."""
    teacher_agent: AgentRef | AgentConfig = Field(union_mode="left_to_right")
    teacher_model: ModelRef | ModelConfig = Field(union_mode="left_to_right")
    signal: AnySignal | None = None
    """How sure the student is; None: the one that the stage of ``threshold`` chose."""
    threshold: Threshold | ThresholdRef = Field(union_mode="left_to_right")
    """The teacher takes over if the signal's value is lower: a number, or the ``signals`` stage that set one."""
    at: TakeOver = TakeOver.START

    @property
    def written_format(self) -> str | None:
        """How the student writes its replies; None if the agent is a name."""
        written = getattr(self.student_agent, "written_format", None)
        return written if isinstance(written, str) else None

    @property
    def behaviour_hash(self) -> str:
        """Changes with the behaviour of both agents; empty while they are names."""
        parts = (self.student_agent, self.teacher_agent)
        if any(isinstance(part, str) for part in parts):
            return ""
        return digest([getattr(part, "behaviour_hash", None) or getattr(part, "part_version", None) for part in parts])

    @property
    def parallel(self) -> bool:
        """Whether a reply of the student may call several tools."""
        return bool(getattr(self.student_agent, "parallel", True))
