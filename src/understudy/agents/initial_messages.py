"""The initial messages of a conversation, and how its first step begins with a first thought.

In: an agent's config, a task, the tools. Out: one system and one user message, equal in acting and in training; how a
first thought is delivered. Not here: the texts (``prompts``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from understudy.agents.config import ChainOfThoughtConfig, CodeAgentConfig, ToolCallingConfig
from understudy.agents.formats import open_format
from understudy.agents.prompts import PromptSet, call_messages, code_messages, cot_messages, fill
from understudy.models import Model
from understudy.records import FirstThought, Message, PrefixDelivery, PrefixMode, Task
from understudy.retrieval import Retriever
from understudy.tools import Tool, write_hits

NO_RETRIEVER = "agent.passages needs a retriever; name one under retrieval, or set passages to null"


def initial_code_messages(
    config: CodeAgentConfig, task: Task, tools: tuple[Tool, ...], imports: tuple[str, ...]
) -> tuple[Message, ...]:
    """The messages that prompt a code agent. ``imports``: what its code may import."""
    action_format = open_format(config.action_format)
    return code_messages(config.prompts, config.role, task, tools, imports, action_format, config.system_prompt)


def initial_call_messages(
    config: ToolCallingConfig, task: Task, tools: Collection[str], *, searches: bool
) -> tuple[Message, ...]:
    """The messages that prompt an agent that calls tools; the tools themselves are given separately.

    ``tools``: their names. ``searches``: one of them looks something up.
    """
    return call_messages(config.prompts, config.role, task, tools, searches, config.answer, config.system_prompt)


def initial_cot_messages(config: ChainOfThoughtConfig, task: Task, retriever: Retriever | None) -> tuple[Message, ...]:
    """The messages that prompt a chain of thought, with retrieved passages. Raises the errors of the search."""
    passages = None
    if config.passages is not None:
        if retriever is None:
            raise ValueError(NO_RETRIEVER)
        hits = retriever.search([task.question], config.passages.k)[0]
        passages = write_hits(hits, config.passages.shape)
    return cot_messages(config.prompts, task, passages, config.system_prompt)


@dataclass(frozen=True, slots=True)
class Prefill:
    """How the first step begins, beyond the initial messages."""

    mode: PrefixMode
    delivery: PrefixDelivery | None = None
    addition: str = ""
    """Appended to the user message."""
    text: str = ""
    """The beginning of the reply, which the model continues."""


def prefill_of(
    mode: PrefixMode,
    prompts: PromptSet,
    model: Model,
    first_thought: FirstThought | None,
    begin: Callable[[str], str],
) -> Prefill:
    """How the first step begins. A task without a first thought has an ordinary first step.

    ``begin``: the beginning of a reply that starts with a thought. Raises ``ProviderError`` if the model has to be
    asked what it can do and cannot be reached.
    """
    if mode is PrefixMode.QUESTION:
        return Prefill(mode, addition=prompts.question)
    if mode is PrefixMode.NONE or first_thought is None:
        return Prefill(PrefixMode.NONE)
    if mode is PrefixMode.PLAN:
        return Prefill(mode, addition=fill(prompts.plan, first_thought=first_thought.text))
    text = begin(first_thought.text)
    delivery = model.prefix_delivery
    if delivery is PrefixDelivery.INSTRUCTED:
        return Prefill(mode, delivery, addition=fill(prompts.instructed, first_thought=text))
    return Prefill(mode, delivery, text=text)
