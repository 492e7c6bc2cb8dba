"""Threads of this process that make the attempts. ``ray_engine.py`` has the other kind.

In: assignments. Out: trajectories, handed to ``keep`` in the order in which they end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from understudy.agents import Agent, AgentFacts
from understudy.parallel import map_unordered
from understudy.records import FirstThought, Record, Task, Trajectory, trajectory_id


class Assignment(Record):
    """One attempt that is to be made."""

    task: Task
    attempt: int
    seed: int
    first_thought: FirstThought | None = None

    @property
    def id(self) -> str:
        """Id of the trajectory that will come of it."""
        return trajectory_id(self.task.id, self.attempt)

    def solve(self, agent: Agent) -> Trajectory:
        """Let an agent make the attempt."""
        return agent.solve(self.task, self.attempt, self.seed, self.first_thought)


class Workers(Protocol):
    """Makes attempts."""

    facts: AgentFacts

    def solve_all(self, assignments: Sequence[Assignment], keep: Callable[[Trajectory], None]) -> None:
        """Make all attempts and hand each to ``keep`` once, as it ends. ``keep`` is safe to call from any thread."""
        ...


class ThreadWorkers:
    """One thread an episode: threads wait for servers and sandboxes, which are other processes."""

    def __init__(self, agent: Agent, in_flight: int) -> None:
        self.facts = agent.facts
        self._agent = agent
        self._in_flight = in_flight

    def solve_all(self, assignments: Sequence[Assignment], keep: Callable[[Trajectory], None]) -> None:
        """Make all attempts. After Ctrl-C those that end within a moment are kept, the others are made again later."""
        is_over = threading.Event()

        def work(assignment: Assignment) -> None:
            trajectory = assignment.solve(self._agent)
            if not is_over.is_set():
                keep(trajectory)

        try:
            for _ in map_unordered(work, assignments, self._in_flight):
                pass
        finally:
            is_over.set()
