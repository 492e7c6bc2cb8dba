"""From what a recipe says to an agent that is ready."""

from __future__ import annotations

from typing import assert_never

from understudy.agents.agent import Agent
from understudy.agents.chain_of_thought import ChainOfThought
from understudy.agents.code_agent import CodeAgent
from understudy.agents.config import ChainOfThoughtConfig, CodeAgentConfig
from understudy.models import Model
from understudy.retrieval import Retriever
from understudy.sandbox import Sandbox
from understudy.tools import Tool


def open_agent(
    config: CodeAgentConfig | ChainOfThoughtConfig,
    model: Model,
    sandbox: Sandbox | None = None,
    tools: tuple[Tool, ...] = (),
    retriever: Retriever | None = None,
) -> Agent:
    """Put an agent together; it holds nothing that has to be closed.

    Raises ``ValueError`` where a code agent has no sandbox, or a chain of thought with passages no retriever.
    """
    if isinstance(config, CodeAgentConfig):
        if sandbox is None:
            raise ValueError("a code agent needs a sandbox: nothing is ever run in this process")
        return CodeAgent(config, model, sandbox, tools)
    if isinstance(config, ChainOfThoughtConfig):
        return ChainOfThought(config, model, retriever)
    assert_never(config)
