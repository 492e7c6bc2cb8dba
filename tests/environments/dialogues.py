"""A rollout of dialogues in the test environment ``yard``, run in a process that may be killed during a dialogue."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from understudy.agents import ToolCallingConfig
from understudy.environments import ENVIRONMENTS
from understudy.models import Request, ScriptedConfig
from understudy.records import Completion, FinishReason, FunctionCall, Role, Task, Trajectory
from understudy.rollouts import AgentSpec, RolloutConfig, read_trajectories, rollout

STUCK = "task 4"
"""The program stops in the second turn of this task until it is killed, the first time."""


def make_tasks() -> list[Task]:
    return [Task(id=f"t{k}", question=f"Begin task {k}.", turns=("Go on.", "End."), source="s") for k in range(8)]


def worker(request: Request, marker: str) -> Completion:
    """Moves a box in each turn."""
    said = [message.content for message in request.messages if message.role is Role.USER]
    if STUCK in said[0] and said[-1] == "Go on." and not Path(marker).exists():
        Path(marker).touch()
        time.sleep(120)
    if request.messages[-1].role is Role.TOOL:
        return Completion(text="Done.", finish_reason=FinishReason.STOP)
    call = FunctionCall(id="c", name="add", arguments={"pile": len(said) % 3, "box": said[-1]})
    return Completion(text="", finish_reason=FinishReason.STOP, tool_calls=(call,))


def make(path: Path, marker: Path) -> None:
    spec = AgentSpec(
        agent=ToolCallingConfig(prompts="minimal"),
        model=ScriptedConfig(program=f"{__spec__.name}:worker", options={"marker": str(marker)}, name="worker"),
        environment=ENVIRONMENTS.validate("tests.environments.yard:Yard"),
    )
    rollout(make_tasks(), spec, path, RolloutConfig(attempts=2, in_flight=2, seed=3), progress=None)


def records(path: Path) -> list[Trajectory]:
    return sorted((each.without_timing() for each in read_trajectories(path)), key=lambda each: each.id)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
