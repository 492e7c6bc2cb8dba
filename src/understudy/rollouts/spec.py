"""An agent with all that it runs on, as one record that can be sent to another machine."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing, contextmanager

from understudy.agents import Agent, AgentConfig, AgentRuntime, RuntimeConfig
from understudy.models import ModelConfig
from understudy.models.engines.pool import ServedAt, opened_at


class AgentSpec(RuntimeConfig):
    """An agent with its model and what it runs on."""

    agent: AgentConfig
    model: ModelConfig
    servers: tuple[ServedAt, ...] = ()
    """Local models that the sender's servers compute."""


@contextmanager
def open_spec(spec: AgentSpec) -> Iterator[Agent]:
    """Open all that the agent needs, and close it again. Raises what its parts raise."""
    opens = functools.partial(opened_at, spec.servers)
    with closing(opens(spec.model)) as model, AgentRuntime(spec, opens=opens) as runtime:
        yield runtime.open_agent(spec.agent, model)
