"""What an agent is: it turns a task into a trajectory, and says what it is made of."""

from __future__ import annotations

from typing import Protocol

from understudy.agents.config import AgentConfig
from understudy.records import FirstThought, Record, Task, Trajectory


class AgentFacts(Record):
    """All that decides what an agent does, besides task, attempt and seed. A resumed rollout must have the same."""

    agent: AgentConfig
    model: str
    is_program: bool = False
    """The model is a program: said wherever its figures are shown."""
    prompt_hash: str
    tools: tuple[str, ...] = ()
    """Declarations, as the prompt shows them."""


class Agent(Protocol):
    """Solves tasks. Safe to call from many threads at once."""

    facts: AgentFacts

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt. A failing server or sandbox gives a trajectory that says so; nothing is raised for it."""
        ...
