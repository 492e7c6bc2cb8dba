"""Tasks, agents and a whole rollout as a process that may be killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from understudy.agents import ChainOfThoughtConfig, SelfConsistencyConfig
from understudy.models import ScriptedConfig
from understudy.records import Task, TaskKind, Trajectory
from understudy.rollouts import AgentSpec, RolloutConfig, read_trajectories, rollout

PROGRAMS = "tests.rollouts.programs"


def make_tasks(n: int) -> list[Task]:
    return [Task(id=f"t{k}", question=f"{k} is?", answer=str(k), kind=TaskKind.FACT, source="s") for k in range(n)]


def spec(program: str = "think", **options: float | str) -> AgentSpec:
    return AgentSpec(
        agent=ChainOfThoughtConfig(self_consistency=SelfConsistencyConfig(n_candidates=2)),
        model=ScriptedConfig(program=f"{PROGRAMS}:{program}", options=dict(options), name="program"),
    )


def records(path: Path) -> list[Trajectory]:
    """What counts, in an order that does not depend on which ended first."""
    return sorted((each.without_timing() for each in read_trajectories(path)), key=lambda each: each.id)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it may be ignored
    rollout(
        make_tasks(40),
        spec("think", wait_s=0.01),
        Path(sys.argv[1]),
        RolloutConfig(attempts=2, in_flight=4, seed=3),
        progress=None,
    )
