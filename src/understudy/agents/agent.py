"""What an agent is, and the kinds of agents that a recipe can name.

In: what a recipe says about an agent. Out: an ``Agent``, which turns a task into a trajectory. Not here: how an agent
is opened (``runtime.py``).
"""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from understudy.agents.user import UserConfig
from understudy.environments import AnyEnvironment
from understudy.records import FirstThought, Record, Task, Trajectory
from understudy.records.record import is_empty
from understudy.registry import Builtin, Group, PartConfig


class Agent(Protocol):
    """Solves tasks. Safe to call from many threads at once.

    A user's class is called with its config (if it has a nested ``Config``), the opened model and an ``AgentRuntime``.
    It needs ``solve`` only: ``facts`` is added if it has none, and an error of its model, sandbox or search engine that
    it does not catch becomes a record that says so. A static method ``initial_messages(config, task, runtime)`` returns
    the student's prompt for a task; without it, a curation keeps the messages that the attempt's own model saw.
    """

    facts: AgentFacts

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One attempt. If a server or the sandbox fails, the trajectory says so; nothing is raised."""
        ...


_HERE = "understudy.agents"
AGENTS: Group[Agent] = Group(
    "agents",
    "turns a task into a trajectory",
    {
        "code_agent": Builtin(config=f"{_HERE}.config:CodeAgentConfig", part=f"{_HERE}.code_agent:CodeAgent"),
        "tool_calling": Builtin(config=f"{_HERE}.config:ToolCallingConfig", part=f"{_HERE}.tool_calling:ToolCalling"),
        "chain_of_thought": Builtin(
            config=f"{_HERE}.config:ChainOfThoughtConfig", part=f"{_HERE}.chain_of_thought:ChainOfThought"
        ),
        "cascade": Builtin(config=f"{_HERE}.cascade_config:CascadeConfig", part=f"{_HERE}.cascade:Cascade"),
    },
    methods=("solve",),
)
AgentConfig = Annotated[PartConfig, AGENTS]


class AgentFacts(Record):
    """Everything that decides what an agent does, besides task, attempt and seed. A resumed rollout needs equal
    facts.
    """

    agent: AgentConfig
    model: str
    is_program: bool = False
    """The model is a program; this is stated wherever its figures are shown."""
    prompt_hash: str
    """For a user's agent: its version, or a digest of its source."""
    tools: tuple[str, ...] = ()
    """Declarations of the tools, as the prompt shows them; those of an environment depend on the task."""
    model_settings: Annotated[str, Field(exclude_if=is_empty)] = ""
    """Digest of the model's settings, for rollouts outside of recipes; a recipe's stage has a fingerprint."""
    environment: Annotated[AnyEnvironment | None, Field(exclude_if=is_empty)] = None
    """The world that each attempt has for itself."""
    user: Annotated[UserConfig | None, Field(exclude_if=is_empty)] = None
    """The user that a model plays."""
