"""A grader that judges the tasks of one package by that package's own check, and all others with ``auto``.

In: trajectories. Out: scores. Not here: the checks (``bfcl``, ``agentdojo``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from understudy.grading.config import AgentDojoConfig, AutoConfig, BfclConfig
from understudy.grading.grader import Judgement, infrastructure_error, score_of
from understudy.grading.kinds import TaskGrader, auto
from understudy.records import Score, Trajectory


class OwnTasksGrader(ABC):
    """Grades the tasks whose metadata have a key with ``judge``, and all other tasks with ``auto``."""

    name: ClassVar[str]
    version: ClassVar[str]
    metadata_key: ClassVar[str]

    def __init__(self, config: BfclConfig | AgentDojoConfig) -> None:
        self._others: TaskGrader = auto(AutoConfig.model_validate(config.model_dump(exclude={"kind"})))

    @abstractmethod
    def judge(self, trajectory: Trajectory) -> Judgement:
        """The verdict of the package's check on an attempt."""

    def grade(self, trajectory: Trajectory) -> Score:
        """Judge one attempt."""
        if self.metadata_key not in trajectory.task.metadata:
            return self._others.grade(trajectory)
        judgement = infrastructure_error(trajectory) or self.judge(trajectory)
        return score_of(self.name, self.version, trajectory, judgement)

    def close(self) -> None:
        """End the processes of symbolic comparison."""
        self._others.close()
