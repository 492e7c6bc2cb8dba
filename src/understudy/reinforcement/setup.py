"""All that a GRPO training of a student reads, as one record. In: a run. Out: ``setup.json``."""

from __future__ import annotations

from understudy.agents import AgentConfig, RuntimeConfig
from understudy.grading import GraderConfig
from understudy.models import LocalConfig, ModelConfig
from understudy.records import Task


class RlSetup(RuntimeConfig):
    """An agent, what it runs on, what it is asked, how it is graded, and the student to start from."""

    name: str
    """The student, as its run names it."""
    student: LocalConfig
    agent: AgentConfig
    grading: GraderConfig
    judge: ModelConfig | None = None
    """The grader's model, if it needs one."""
    tasks: tuple[Task, ...]
    seed: int = 0
