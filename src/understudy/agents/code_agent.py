"""The code agent: its actions are Python, run in a sandbox (paper section 2).

In: a task, and a first thought if the recipe asks for one. Out: a trajectory. Not here: the loop
(``acting_agent.py``), how a reply's code is run (``code_actions.py``), isolation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from understudy.agents.acting import Actions
from understudy.agents.acting_agent import ActingAgent
from understudy.agents.code_actions import CodeActions
from understudy.agents.config import CodeAgentConfig
from understudy.agents.formats import open_format
from understudy.agents.initial_messages import Prefill, initial_code_messages, prefill_of
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.prompts import observation_texts, prompt_set
from understudy.agents.runtime import AgentRuntime
from understudy.environments import World
from understudy.models import Model
from understudy.records import FirstThought, Message, Task


class CodeAgent(ActingAgent[CodeAgentConfig]):
    """Solves tasks by writing Python. Safe to call from many threads at once."""

    def __init__(self, config: CodeAgentConfig, model: Model, runtime: AgentRuntime) -> None:
        super().__init__(config, model, runtime, tuple(tool.declaration() for tool in runtime.tools))
        self._sandbox = runtime.sandbox
        self._functions = {tool.name: tool.host_function() for tool in runtime.tools}
        self._format = open_format(config.action_format)
        self._texts = observation_texts(config.prompts, self._format)

    @staticmethod
    def initial_messages(
        config: CodeAgentConfig, task: Task, runtime: AgentRuntime, world: World | None = None
    ) -> tuple[Message, ...]:
        """The messages that prompt the model for a task."""
        return initial_code_messages(config, task, runtime.tools_for(task, world), runtime.sandbox_config.imports)

    @contextmanager
    def _actions(self, task: Task, seed: int, world: World | None) -> Iterator[Actions]:  # noqa: ARG002
        with PrestartedEpisode(partial(self._sandbox.episode, self._functions, seed, world)) as episode:
            yield CodeActions(self._format, self._texts, episode)

    def _prefill(self, first_thought: FirstThought | None) -> Prefill:
        texts = prompt_set(self._config.prompts)
        return prefill_of(self._config.prefix_mode, texts, self._model, first_thought, self._format.prefill)
