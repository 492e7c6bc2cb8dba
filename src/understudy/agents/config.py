"""The settings of an agent in a recipe. All defaults are written here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from understudy.agents.formats import CODE_FENCE, TOOL_CALLS, ActionFormatConfig, CodeFenceConfig, to_record
from understudy.agents.prompts import (
    AnswerBy,
    PromptRole,
    PromptSetName,
    call_prompts_hash,
    prompts_hash,
    read_own,
)
from understudy.annotations import InputPath, Later
from understudy.records import PrefixMode, Record
from understudy.records.record import is_empty
from understudy.registry import PartConfig
from understudy.runs import digest
from understudy.tools import SearchShape


def _has_tools_slot(path: Path | None) -> Path | None:
    if path is not None and "{tools}" not in read_own(path):
        raise ValueError(f"{path}: expected the slot {{tools}}, where the prompt lists what the agent's code may call")
    return path


def _has_no_slot(path: Path | None) -> Path | None:
    if path is not None and "{tools}" in read_own(path):
        raise ValueError(f"{path}: expected no slot {{tools}}: it is filled only for kind: code_agent")
    return path


Share = Annotated[float, Field(gt=0, le=1)]
Temperature = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class SelfConsistencyConfig(Record):
    """Sample several replies and keep the most frequent outcome (paper section 4.2)."""

    n_candidates: Count = 8
    temperature: Temperature = 0.4
    top_p: Share = 0.8
    adaptive: bool = False
    """Sample in batches, and stop as soon as the missing candidates cannot change the vote."""


class ActingConfig(PartConfig):
    """Settings that all agents that act in steps share."""

    prompts: PromptSetName = PromptSetName.PAPER
    role: PromptRole = PromptRole.STUDENT
    """Which system message: long for models that must learn the form from it, short for models trained on the form."""
    max_steps: Count = 5
    """Limit for one turn of the user. A turn ends with an answer."""
    max_task_steps: Annotated[Count | None, Field(exclude_if=is_empty)] = None
    """Limit for all turns together; None: as many as the turns allow."""
    temperature: Temperature = 0.0
    """Temperature of a single sample. Self-consistent actions have their own."""
    top_p: Share = 0.8
    max_tokens: Count = 1024
    """Limit of new tokens per step."""
    token_budget: Count | None = None
    """No step begins after the attempt has spent this many tokens, prompts included."""
    ask_once_after_limit: bool = False
    """Ask once for the answer if the last step gave none; the record says so."""
    self_consistency: SelfConsistencyConfig | None = None
    prefix_mode: PrefixMode = PrefixMode.NONE
    """How the first step uses a chain of thought (paper section 4.1)."""
    logprobs: Annotated[bool, Field(exclude_if=is_empty), Later] = False
    """Ask a server for the log-probabilities of its tokens; a model in this process always gives them."""


class CodeAgentConfig(ActingConfig):
    """An agent that acts by writing Python."""

    kind: Literal["code_agent"] = "code_agent"
    system_prompt: Annotated[InputPath | None, AfterValidator(_has_tools_slot)] = None
    """A text file that replaces the system message. ``{tools}`` in it is replaced by the tools, ``{imports}`` by what
    the code may import, and ``{form}`` by a reply in the action format.
    """
    action_format: ActionFormatConfig = CodeFenceConfig()
    """How replies state their actions."""

    @property
    def written_format(self) -> str:
        """The name of the replies' form in records."""
        return to_record(self.action_format)

    @property
    def behaviour_hash(self) -> str:
        """Changes with the prompts and with the action format."""
        words = prompts_hash(self.prompts, self.system_prompt)
        if self.action_format == CODE_FENCE:
            return words
        return digest([words, to_record(self.action_format), self.action_format.part_version])


class ToolCallingConfig(ActingConfig):
    """An agent that acts by calling tools with JSON, in the form of its model's chat template."""

    kind: Literal["tool_calling"] = "tool_calling"
    system_prompt: Annotated[InputPath | None, AfterValidator(_has_no_slot)] = None
    """A text file that replaces the system message. The tools are given separately."""
    answer: AnswerBy = AnswerBy.TEXT
    """How the answer is given."""
    parallel: bool = True
    """One reply may call several tools. Off: only the first call of a reply is made."""
    python: bool = False
    """Adds the tool ``python``, which runs code in a sandbox and keeps its variables for the attempt."""

    @property
    def written_format(self) -> str:
        """The name of the replies' form in records."""
        return TOOL_CALLS

    @property
    def behaviour_hash(self) -> str:
        """Changes with the prompts."""
        return call_prompts_hash(self.prompts, self.system_prompt)


class PassagesConfig(Record):
    """Retrieved passages in the prompt (RAG)."""

    k: Count = 3
    shape: SearchShape = SearchShape.FULL


class ChainOfThoughtConfig(PartConfig):
    """The baseline: one reply that thinks step by step, without tools."""

    kind: Literal["chain_of_thought"] = "chain_of_thought"
    prompts: PromptSetName = PromptSetName.PAPER
    temperature: Temperature = 0.0
    top_p: Share = 0.8
    max_tokens: Count = 4096
    system_prompt: Annotated[InputPath | None, AfterValidator(_has_no_slot)] = None
    """A text file that replaces the system message."""
    passages: PassagesConfig | None = None
    """Passages that a search for the question finds; None: the prompt has the question alone."""
    self_consistency: SelfConsistencyConfig | None = None
    """Vote over the answers of several samples."""
    logprobs: Annotated[bool, Field(exclude_if=is_empty), Later] = False
    """As in ``ActingConfig``."""

    @property
    def behaviour_hash(self) -> str:
        """Changes with the prompts."""
        return prompts_hash(self.prompts, self.system_prompt)
