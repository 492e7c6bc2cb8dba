"""The stage ``rollout``: an agent attempts all tasks of some sets, and the attempts are graded.

Takes: a model, an agent, task sets, optionally first thoughts. Writes: ``trajectories.jsonl``, appended to as
attempts end, so that a killed rollout resumes; ``scores.jsonl``, whole.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from understudy.annotations import AgentRef, FirstThoughtsRef, ModelRef, TaskSetRef
from understudy.pipeline.attempts import make_attempts
from understudy.pipeline.stage import Counts, Stage
from understudy.pipeline.stages.prefixes import read_prefixes
from understudy.records import Target
from understudy.rollouts import RolloutConfig


class RolloutStageConfig(RolloutConfig):
    """The agent, the model and the task sets."""

    tasks: tuple[TaskSetRef, ...] = Field(min_length=1)
    model: ModelRef
    agent: AgentRef
    first_thoughts: FirstThoughtsRef | None = None
    """The ``prefixes`` stage whose first thoughts the agent's first step begins with."""


class Rollout(Stage[RolloutStageConfig]):
    """Let agents attempt tasks, and grade the attempts."""

    kind = "rollout"
    provides = Target.ATTEMPTS
    uses = ("retrieval", "tools", "sandbox", "environment", "user", "grading")
    Config: ClassVar = RolloutStageConfig

    def run(self) -> Counts:
        config = self.config
        thoughts = () if config.first_thoughts is None else read_prefixes(self.context, config.first_thoughts)
        tasks = self.context.all_tasks(config.tasks)
        return make_attempts(self.context, self.ref, config, config.model, config.agent, tasks, thoughts)
