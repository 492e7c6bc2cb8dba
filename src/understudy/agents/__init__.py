r"""Agents: a task in, a trajectory out.

``open_agent(config, model, …).solve(task, …)`` returns the record of one attempt: the messages exactly as the model saw
and wrote them, and facts about each step. The record contains the model's mistakes. If a server or the sandbox fails,
the record says so and is never graded. Prompts, action formats and the vote are in this package. Not promised:
protection against tools that do harm when used as intended.
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
from understudy.agents.runtime import (
    AgentRuntime,
    ReplyForm,
    RuntimeConfig,
    behaviour_hash,
    open_agent,
    written_format,
)
from understudy.agents.session import Session, TurnEnd, TurnEvents, TurnStoppedError, open_session

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
    "ReplyForm",
    "RuntimeConfig",
    "SelfConsistencyConfig",
    "Session",
    "ToolCallingConfig",
    "TurnEnd",
    "TurnEvents",
    "TurnStoppedError",
    "behaviour_hash",
    "make_first_thoughts",
    "open_agent",
    "open_format",
    "open_session",
    "prompt_set",
    "prompts_hash",
    "recorded_format",
    "written_format",
]
