"""What agents run on: tools, a sandbox and a search engine, as a config and as opened parts.

In: a ``RuntimeConfig``, which can be sent to another process or machine, or parts that are already open. Out: an
``AgentRuntime``, which opens each part when it is first used, gives it to agents and closes it at the end. Agents are
assembled only here. Not here: the model of an agent, which the caller opens and closes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from typing import Annotated

from pydantic import Field

from understudy.agents.agent import AGENTS, Agent, AgentConfig, AgentFacts
from understudy.agents.own_agent import open_own_agent
from understudy.agents.user import SimulatedUser, UserConfig
from understudy.closing import Closing
from understudy.environments import AnyEnvironment, World, Worlds
from understudy.models import Model, ModelConfig, open_model
from understudy.records import Message, Record, Task, ToolSchema
from understudy.records.record import is_empty
from understudy.registry import PartConfig
from understudy.retrieval import HttpConfig, MemoryConfig, RetrievalConfig, Retriever, open_retriever
from understudy.sandbox import Sandbox, SandboxConfig, open_sandbox
from understudy.tools import Tool, ToolsConfig, open_tools, tools_of


class RuntimeConfig(Record):
    """What agents run on, besides a model."""

    tools: ToolsConfig = ToolsConfig(search=None)
    sandbox: SandboxConfig = SandboxConfig()
    """Opened only for agents that run code."""
    retrieval: RetrievalConfig | None = None
    environment: Annotated[AnyEnvironment | None, Field(exclude_if=is_empty)] = None
    """The world that each attempt has for itself; None: no state beside the sandbox's variables."""
    user: Annotated[UserConfig | None, Field(exclude_if=is_empty)] = None
    """A model that plays the user in dialogues whose turns are not scripted."""

    @property
    def is_cheap_to_open(self) -> bool:
        """Opening is cheap and calls have no effects: there are no tools except a search in memory or by URL."""
        has_light_search = self.retrieval is None or isinstance(self.retrieval, HttpConfig | MemoryConfig)
        return has_light_search and not (self.tools.functions or self.tools.mcp or self.environment or self.user)


class ReplyForm(Record):
    """The form of an agent's replies, as the examples for a student need it."""

    action_format: str | None = None
    """As in ``Trajectory``; None: that of the trajectory."""
    tools: tuple[ToolSchema, ...] | None = None
    """The tool schemas that the model is given; None: those of the trajectory."""
    one_call: bool = False
    """A reply makes at most one tool call."""


class AgentRuntime(Closing):
    """Opened parts, shared by agents and by threads. A context manager."""

    def __init__(
        self,
        config: RuntimeConfig | None = None,
        *,
        sandbox: Sandbox | None = None,
        tools: Iterable[Tool | Callable[..., object]] | None = None,
        retriever: Retriever | None = None,
        worlds: Worlds | None = None,
        user: SimulatedUser | None = None,
        opens: Callable[[PartConfig], Model] = open_model,
    ) -> None:
        """``config``: what is opened when it is needed. Parts that are passed are used and stay open. ``opens``: opens
        the models that agents ask besides their own.
        """
        self._config = config
        self._sandbox = sandbox
        self._tools = None if config is not None and tools is None else tools_of(tools or ())
        self._retriever = retriever
        self._worlds = worlds
        self._user = user
        self._open_model = opens
        self._stack = ExitStack()
        self._lock = threading.RLock()

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox. Raises ``ValueError`` if there is none, and what opening it raises."""
        with self._lock:
            if self._sandbox is None:
                if self._config is None:
                    raise ValueError("a code agent needs a sandbox: nothing is ever run in this process")
                self._sandbox = self._stack.enter_context(open_sandbox(self._config.sandbox))
            return self._sandbox

    @property
    def sandbox_config(self) -> SandboxConfig:
        """The sandbox's config; it is known without opening the sandbox."""
        if self._sandbox is None and self._config is not None:
            return self._config.sandbox
        return self.sandbox.config

    @property
    def retriever(self) -> Retriever | None:
        """The search engine; None if there is none. Raises what opening it raises."""
        with self._lock:
            if self._retriever is None and self._config is not None and self._config.retrieval is not None:
                self._retriever = self._stack.enter_context(closing(open_retriever(self._config.retrieval)))
            return self._retriever

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What an agent's code may call. Raises ``ToolConfigError``, and what opening the search engine raises."""
        with self._lock:
            if self._tools is None:
                assert self._config is not None
                self._tools = self._stack.enter_context(open_tools(self._config.tools, self.retriever))
            return self._tools

    @property
    def worlds(self) -> Worlds | None:
        """What makes the world of each attempt; None without an environment."""
        with self._lock:
            if self._worlds is None and self._config is not None and self._config.environment is not None:
                self._worlds = self._stack.enter_context(Worlds(self._config.environment))
            return self._worlds

    @property
    def user_config(self) -> UserConfig | None:
        """The config of the user that a model plays; it is known without opening the model."""
        return None if self._config is None else self._config.user

    @property
    def user(self) -> SimulatedUser | None:
        """The user that a model plays; None if there is none. Raises what opening its model raises."""
        with self._lock:
            if self._user is None and (config := self.user_config) is not None:
                self._user = SimulatedUser(self._stack.enter_context(closing(self._open_model(config.model))), config)
            return self._user

    def world(self, task: Task) -> AbstractContextManager[World | None]:
        """The world of one attempt; None without an environment. Raises ``EnvironmentFailedError``."""
        return nullcontext() if self.worlds is None else self.worlds.make(task)

    def described_world(self, task: Task, world: World | None = None) -> AbstractContextManager[World | None]:
        """The world of an attempt, or one that is made for its description alone."""
        return self.world(task) if world is None else nullcontext(world)

    def tools_for(self, task: Task, world: World | None = None) -> tuple[Tool, ...]:
        """What an agent may call in the first turn. Raises ``ToolConfigError``, ``EnvironmentFailedError``."""
        with self.described_world(task, world) as described:
            return self.tools if described is None else tools_of((*self.tools, *described.offered))

    def model(self, config: ModelConfig) -> Model:
        """A further model that agents ask; it is closed with the runtime. Raises what opening it raises."""
        with self._lock:
            return self._stack.enter_context(closing(self._open_model(config)))

    def open_agent(self, config: AgentConfig, model: Model) -> Agent:
        """Assemble an agent, which need not be closed. Raises ``ValueError`` if the agent needs a part that is missing,
        and what opening the parts raises.
        """
        if config.kind in AGENTS.builtin:
            return AGENTS.open(config, model, self)
        facts = AgentFacts(
            agent=config,
            model=model.name,
            is_program=model.is_program,
            prompt_hash=behaviour_hash(config),
            tools=tuple(tool.declaration() for tool in self.tools),
            environment=None if self.worlds is None else self.worlds.config,
            user=self.user_config,
        )
        return open_own_agent(lambda: AGENTS.open(config, model, self), facts)

    def initial_messages(self, config: AgentConfig, task: Task) -> tuple[Message, ...] | None:
        """The messages that an agent shows its model first; no model is needed. None if a user's agent does not define
        them.
        """
        initial_messages = getattr(AGENTS.part(config.kind), "initial_messages", None)
        messages = None if initial_messages is None else initial_messages(config, task, self)
        return None if messages is None else tuple(messages)

    def reply_form(self, config: AgentConfig) -> ReplyForm:
        """The form in which a student that runs as this agent replies. The tools of an environment depend on the task,
        so they are those of the trajectory. Raises ``ToolConfigError``.
        """
        schemas = getattr(AGENTS.part(config.kind), "tool_schemas", None)
        return ReplyForm(
            action_format=written_format(config),
            tools=None if schemas is None or self.worlds is not None else tuple(schemas(config, self)),
            one_call=not getattr(config, "parallel", True),
        )

    def close(self) -> None:
        """Close what was opened here. Closing twice is fine."""
        self._stack.close()


def behaviour_hash(config: AgentConfig) -> str:
    """A hash that changes with an agent's prompts, its action format, or the source of a user's part.

    It is part of each record of the agent, and of a stage's fingerprint.
    """
    own = getattr(config, "behaviour_hash", None)
    return own if isinstance(own, str) else config.part_version or ""


def written_format(config: AgentConfig) -> str | None:
    """How records name the form of an agent's replies; None where its replies hold no actions of a known form."""
    written = getattr(config, "written_format", None)
    return written if isinstance(written, str) else None


def open_agent(
    config: AgentConfig,
    model: Model,
    sandbox: Sandbox | None = None,
    tools: tuple[Tool, ...] = (),
    retriever: Retriever | None = None,
) -> Agent:
    """Assemble an agent from open parts; it need not be closed.

    Raises ``ValueError`` if a code agent has no sandbox, or a chain of thought with passages no retriever.
    """
    return AgentRuntime(sandbox=sandbox, tools=tools, retriever=retriever).open_agent(config, model)
