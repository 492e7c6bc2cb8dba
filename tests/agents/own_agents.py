"""Agents of a user, for tests: named in a recipe as ``tests.agents.own_agents:Class``."""

from __future__ import annotations

from pydantic import BaseModel

from understudy.agents import AgentRuntime
from understudy.models import Model, Request
from understudy.records import FirstThought, Message, Role, Step, StopReason, Task, Trajectory


class Direct:
    """Asks the model once and takes the reply for the answer."""

    version = "3"

    class Config(BaseModel):
        """Its options."""

        shout: bool = False

    def __init__(self, config: Direct.Config, model: Model, runtime: AgentRuntime) -> None:
        self._config = config
        self._model = model
        self.runtime = runtime

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """One question, one reply."""
        messages = self.initial_messages(self._config, task, self.runtime)
        (completion,) = self._model.complete(Request(messages=messages, seed=seed))
        text = completion.text.upper() if self._config.shout else completion.text
        return Trajectory(
            task=task,
            attempt=attempt,
            agent="direct",
            model=self._model.name,
            seed=seed,
            messages=(*messages, Message(role=Role.ASSISTANT, content=completion.text)),
            steps=(Step(message_index=1, is_final=True),),
            stop_reason=StopReason.ANSWERED,
            answer=text,
        )

    @staticmethod
    def initial_messages(config: Direct.Config, task: Task, runtime: AgentRuntime) -> tuple[Message, ...]:
        """The question alone."""
        return (Message(role=Role.USER, content=task.question),)


class Bare:
    """An agent without options that does not say how it prompts."""

    def __init__(self, model: Model, runtime: AgentRuntime) -> None:
        self.tools = runtime.tools

    def solve(
        self, task: Task, attempt: int = 0, seed: int = 0, first_thought: FirstThought | None = None
    ) -> Trajectory:
        """It never answers."""
        return Trajectory(
            task=task,
            attempt=attempt,
            agent="bare",
            model="m",
            seed=seed,
            messages=(),
            steps=(),
            stop_reason=StopReason.STEP_LIMIT,
        )
