"""What an agent shows its model first, without a model: how the student will be prompted.

In: an agent's config, a task, the tools. Out: the opening messages. Not here: the words (``understudy.agents``).
"""

from __future__ import annotations

from understudy.agents import AgentConfig, CodeAgentConfig, code_opening, cot_opening
from understudy.records import Message, Task
from understudy.retrieval import Retriever
from understudy.tools import Tool, write_hits


def opening_of(
    config: AgentConfig, task: Task, tools: tuple[Tool, ...], imports: tuple[str, ...], retriever: Retriever | None
) -> tuple[Message, ...]:
    """System and user message. Raises ``ValueError`` where passages are wanted and there is no retriever."""
    if isinstance(config, CodeAgentConfig):
        return code_opening(config.prompts, config.role, task, tools, imports)
    if config.passages is None:
        return cot_opening(config.prompts, task)
    if retriever is None:
        raise ValueError("an agent wants retrieved passages, but the recipe names no retrieval")
    hits = retriever.search([task.question], config.passages.k)[0]
    return cot_opening(config.prompts, task, write_hits(hits, config.passages.shape))
