"""The agent that calls tools with JSON, as most agents do.

In: a task, and a first thought if the recipe asks for one. Out: a trajectory whose replies contain tool calls and whose
results are messages of role ``tool``. Not here: the loop (``acting_agent.py``), making calls (``call_actions.py``),
writing calls with a chat template (``understudy.models``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

from understudy.agents.acting import Actions
from understudy.agents.acting_agent import ActingAgent
from understudy.agents.call_actions import CallActions
from understudy.agents.call_results import CallMaker
from understudy.agents.config import ToolCallingConfig
from understudy.agents.initial_messages import Prefill, initial_call_messages, prefill_of
from understudy.agents.prestarted_episode import PrestartedEpisode
from understudy.agents.prompts import AnswerBy, call_observation_texts, call_prompt_set
from understudy.agents.python_tool import PYTHON, python_tool
from understudy.agents.runtime import AgentRuntime
from understudy.environments import World
from understudy.grading import normal_form
from understudy.models import Model
from understudy.records import FirstThought, Message, Task, ToolSchema
from understudy.tools import FINAL_ANSWER, JsonTool, ToolConfigError, json_tool

_FINAL_ANSWER = ToolSchema(
    name=FINAL_ANSWER.name,
    description=FINAL_ANSWER.description,
    parameters={
        "type": "object",
        "properties": {"answer": {"type": "string", "description": "The answer alone."}},
        "required": ["answer"],
        "additionalProperties": False,
    },
)


class ToolCalling(ActingAgent[ToolCallingConfig]):
    """Solves tasks by calling tools. Safe to call from many threads at once."""

    def __init__(self, config: ToolCallingConfig, model: Model, runtime: AgentRuntime) -> None:
        """Raises ``ToolConfigError`` for a tool that JSON calls cannot use."""
        schemas = self.tool_schemas(config, runtime)
        super().__init__(config, model, runtime, tuple(schema.model_dump_json() for schema in schemas))
        self._tools = {tool.name: tool for tool in map(json_tool, runtime.tools)}
        self._sandbox = runtime.sandbox if config.python else None
        self._texts = call_observation_texts(config.prompts, config.answer)

    @staticmethod
    def initial_messages(
        config: ToolCallingConfig, task: Task, runtime: AgentRuntime, world: World | None = None
    ) -> tuple[Message, ...]:
        """The messages that prompt the model for a task; they do not include the tools."""
        tools = runtime.tools_for(task, world)
        names = {tool.name for tool in tools} | ({PYTHON} if config.python else set())
        return initial_call_messages(config, task, names, searches=any(tool.is_search for tool in tools))

    @staticmethod
    def tool_schemas(config: ToolCallingConfig, runtime: AgentRuntime) -> tuple[ToolSchema, ...]:
        """The tools that the model receives, except those of an environment. Raises ``ToolConfigError``."""
        return _schemas(config, _tools(config, runtime))

    def _tool_schemas(self, world: World | None) -> tuple[ToolSchema, ...]:
        own = () if world is None else world.json_tools
        offered = [tool for tool in own if world is not None and tool.name not in world.held_back]
        return _schemas(self._config, [*_tools(self._config, self._runtime), *offered])

    @contextmanager
    def _actions(self, task: Task, seed: int, world: World | None) -> Iterator[Actions]:
        tools, interrupt = dict(self._tools), None
        if world is not None:
            tools |= {tool.name: tool for tool in world.json_tools}
        with ExitStack() as stack:
            if self._sandbox is not None:
                episode = stack.enter_context(PrestartedEpisode(partial(self._sandbox.episode, {}, seed)))
                code = python_tool(self._sandbox.config.imports, self._texts, episode)
                tools[code.name], interrupt = code, episode.interrupt
            schemas = self._tool_schemas(world)
            agrees_by = partial(normal_form, task)
            yield CallActions(self._config, schemas, CallMaker(tools), self._texts, agrees_by, world, interrupt)

    def _prefill(self, first_thought: FirstThought | None) -> Prefill:
        texts = call_prompt_set(self._config.prompts)
        return prefill_of(self._config.prefix_mode, texts, self._model, first_thought, str)


def _schemas(config: ToolCallingConfig, tools: Sequence[JsonTool]) -> tuple[ToolSchema, ...]:
    schemas = [tool.schema for tool in tools]
    if config.answer is AnswerBy.TOOL:
        schemas.append(_FINAL_ANSWER)
    names = [schema.name for schema in schemas]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ToolConfigError(f"tools: the name {twice[0]!r} is taken by the agent itself; rename the tool")
    return tuple(schemas)


def _tools(config: ToolCallingConfig, runtime: AgentRuntime) -> list[JsonTool]:
    tools = [json_tool(tool) for tool in runtime.tools]
    if config.python:
        texts = call_observation_texts(config.prompts, config.answer)
        tools.append(python_tool(runtime.sandbox_config.imports, texts))
    return tools
