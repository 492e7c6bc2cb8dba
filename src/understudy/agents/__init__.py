r"""Agents: a task in, a trajectory out.

``open_agent(config, model, …).solve(task, …)`` gives the record of one attempt: the messages exactly as the model saw
and said them, and facts about each step. A model's mistakes are part of the record; a failing server or sandbox makes
a record that says so and that is never graded. Prompts, the format and the vote live here. Not promised: safety of
tools that do harm when used as intended.
"""

from understudy.agents.agent import Agent, AgentFacts
from understudy.agents.config import (
    AgentConfig,
    ChainOfThoughtConfig,
    CodeAgentConfig,
    PassagesConfig,
    SelfConsistencyConfig,
)
from understudy.agents.first_thought import FirstThoughtConfig, FirstThoughts, NoFirstThought, make_first_thoughts
from understudy.agents.opening import open_agent
from understudy.agents.parsing import STOP_STRINGS, ParsedReply, completed, parse_reply
from understudy.agents.prompts import (
    PromptRole,
    PromptSetName,
    code_opening,
    cot_opening,
    prompt_set,
    prompts_hash,
)

__all__ = [
    "STOP_STRINGS",
    "Agent",
    "AgentConfig",
    "AgentFacts",
    "ChainOfThoughtConfig",
    "CodeAgentConfig",
    "FirstThoughtConfig",
    "FirstThoughts",
    "NoFirstThought",
    "ParsedReply",
    "PassagesConfig",
    "PromptRole",
    "PromptSetName",
    "SelfConsistencyConfig",
    "code_opening",
    "completed",
    "cot_opening",
    "make_first_thoughts",
    "open_agent",
    "parse_reply",
    "prompt_set",
    "prompts_hash",
]
