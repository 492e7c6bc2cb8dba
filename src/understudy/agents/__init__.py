r"""Agents: a task in, a trajectory out.

``open_agent(config, model, …).solve(task, …)`` gives the record of one attempt: the messages exactly as the model saw
and said them, and facts about each step. A model's mistakes are part of the record; a failing server or sandbox makes
a record that says so and that is never graded. Prompts, the format and the vote live here. Not promised: safety of
tools that do harm when used as intended.
"""

from understudy.agents.agent import AGENTS, Agent, AgentConfig, AgentFacts
from understudy.agents.config import (
    ActingConfig,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    PassagesConfig,
    SelfConsistencyConfig,
    ToolCallingConfig,
)
from understudy.agents.first_thought import FirstThoughtConfig, FirstThoughts, NoFirstThought, make_first_thoughts
from understudy.agents.formats import ACTION_FORMATS, ActionFormat, ParsedReply, open_format, recorded_format
from understudy.agents.prompts import (
    AnswerBy,
    PromptRole,
    PromptSetName,
    prompt_set,
    prompts_hash,
)
from understudy.agents.runtime import AgentRuntime, RuntimeConfig, behaviour_hash, open_agent, written_format

__all__ = [
    "ACTION_FORMATS",
    "AGENTS",
    "ActingConfig",
    "ActionFormat",
    "Agent",
    "AgentConfig",
    "AgentFacts",
    "AgentRuntime",
    "AnswerBy",
    "ChainOfThoughtConfig",
    "CodeAgentConfig",
    "FirstThoughtConfig",
    "FirstThoughts",
    "NoFirstThought",
    "ParsedReply",
    "PassagesConfig",
    "PromptRole",
    "PromptSetName",
    "RuntimeConfig",
    "SelfConsistencyConfig",
    "ToolCallingConfig",
    "behaviour_hash",
    "make_first_thoughts",
    "open_agent",
    "open_format",
    "prompt_set",
    "prompts_hash",
    "recorded_format",
    "written_format",
]
