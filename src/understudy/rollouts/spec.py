"""An agent with all that it runs on, as one record that can be sent to another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from understudy.agents import Agent, AgentConfig, AgentRuntime, RuntimeConfig
from understudy.models import ModelConfig, open_model


class AgentSpec(RuntimeConfig):
    """An agent with its model and what it runs on."""

    agent: AgentConfig
    model: ModelConfig


@contextmanager
def open_spec(spec: AgentSpec) -> Iterator[Agent]:
    """Open all that the agent needs, and close it again. Raises what its parts raise."""
    with closing(open_model(spec.model)) as model, AgentRuntime(spec) as runtime:
        yield runtime.open_agent(spec.agent, model)
