"""What an agent is made of, as one record that can be sent to another machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from understudy.agents import Agent, AgentConfig, CodeAgentConfig, open_agent
from understudy.models import ModelConfig, open_model
from understudy.records import Record
from understudy.retrieval import RetrievalConfig, open_retriever
from understudy.sandbox import SandboxConfig, open_sandbox
from understudy.tools import ToolsConfig, open_tools


class AgentSpec(Record):
    """An agent with its model, its sandbox, its tools and its search engine."""

    agent: AgentConfig
    model: ModelConfig
    tools: ToolsConfig = ToolsConfig(search=None)
    sandbox: SandboxConfig = SandboxConfig()
    """Not opened for a chain of thought."""
    retrieval: RetrievalConfig | None = None


@contextmanager
def open_spec(spec: AgentSpec) -> Iterator[Agent]:
    """Open all that the agent needs, and close it again. Raises what its parts raise."""
    with ExitStack() as stack:
        model = stack.enter_context(closing(open_model(spec.model)))
        retriever = None
        if spec.retrieval is not None:
            retriever = stack.enter_context(closing(open_retriever(spec.retrieval)))
        sandbox = None
        if isinstance(spec.agent, CodeAgentConfig):
            sandbox = stack.enter_context(open_sandbox(spec.sandbox))
        tools = stack.enter_context(open_tools(spec.tools, retriever))
        yield open_agent(spec.agent, model, sandbox, tools, retriever)
