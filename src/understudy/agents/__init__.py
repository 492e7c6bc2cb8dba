r"""Agents: a task in, a trajectory out.

``open_agent(config, model, …).solve(task, …)`` returns the record of one attempt: the messages exactly as the model saw
and wrote them, and facts about each step. The record contains the model's mistakes. If a server or the sandbox fails,
the record says so and is never graded. Prompts, action formats and the vote are in this package. Not promised:
protection against tools that do harm when used as intended.
"""

from understudy.agents.agent import AGENTS, Agent, AgentConfig, AgentFacts
from understudy.agents.cascade_config import CascadeConfig, TakeOver
from understudy.agents.config import (
    ActingConfig,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    PassagesConfig,
    SelfConsistencyConfig,
    ToolCallingConfig,
)
from understudy.agents.first_thought import FirstThoughtConfig, NoFirstThought, make_first_thoughts
from understudy.agents.formats import ACTION_FORMATS, ActionFormat, ParsedReply, open_format
from understudy.agents.prompts import (
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
from understudy.agents.signals import SIGNALS, AnySignal, Evidence, may_decide_at_step, open_signal

__all__ = [
    "ACTION_FORMATS",
    "AGENTS",
    "SIGNALS",
    "ActingConfig",
    "ActionFormat",
    "Agent",
    "AgentConfig",
    "AgentFacts",
    "AgentRuntime",
    "AnySignal",
    "CascadeConfig",
    "ChainOfThoughtConfig",
    "CodeAgentConfig",
    "Evidence",
    "FirstThoughtConfig",
    "NoFirstThought",
    "ParsedReply",
    "PassagesConfig",
    "PromptRole",
    "PromptSetName",
    "ReplyForm",
    "RuntimeConfig",
    "SelfConsistencyConfig",
    "Session",
    "TakeOver",
    "ToolCallingConfig",
    "TurnEnd",
    "TurnEvents",
    "TurnStoppedError",
    "behaviour_hash",
    "make_first_thoughts",
    "may_decide_at_step",
    "open_agent",
    "open_format",
    "open_session",
    "open_signal",
    "prompt_set",
    "prompts_hash",
    "written_format",
]
