"""Prompts of agents that call tools, filled in.

In: a set's name, the agent's tools, how it answers. Out: the initial messages, observation texts, and a hash of all
words that its model may read. Not here: the texts (``calls.py``); the tools, which are given separately.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from understudy.agents.prompts.calls import CALL_SETS, ENDINGS, NO_CALL
from understudy.agents.prompts.prompt_set import (
    AnswerBy,
    Demonstration,
    ObservationTexts,
    PromptRole,
    PromptSet,
    PromptSetName,
)
from understudy.agents.prompts.rendering import fill, read_own, ruled
from understudy.records import Message, Role, Task
from understudy.runs import digest


def call_prompt_set(name: PromptSetName) -> PromptSet:
    """The texts of a set."""
    return CALL_SETS[name]


def call_prompts_hash(name: PromptSetName, system_prompt: Path | None = None) -> str:
    """Sixteen hex digits that change whenever a word changes."""
    own = [] if system_prompt is None else [read_own(system_prompt)]
    return digest([CALL_SETS[name].model_dump(mode="json"), *ENDINGS.values(), *NO_CALL.values(), *own])


def call_observation_texts(name: PromptSetName, answer: AnswerBy) -> ObservationTexts:
    """The texts around results, and those for replies without a call."""
    texts = CALL_SETS[name].observation
    words = {"ending": ENDINGS[answer], "no_call": NO_CALL[answer]}
    return texts.model_copy(
        update={"problems": {problem: fill(text, **words) for problem, text in texts.problems.items()}}
    )


def call_messages(
    name: PromptSetName,
    role: PromptRole,
    task: Task,
    tools: Collection[str],
    searches: bool,
    answer: AnswerBy,
    system_prompt: Path | None = None,
) -> tuple[Message, Message]:
    """System and user message. ``tools``: names of the tools; ``searches``: one of them is a search."""
    prompts = CALL_SETS[name]
    if system_prompt is not None:
        system = read_own(system_prompt)
    elif role is PromptRole.TEACHER:
        system = prompts.system + _demonstrated(prompts, tools, answer) + ruled(prompts.rules, tools, searches=searches)
    else:
        system = prompts.system
    words = {"ending": ENDINGS[answer]}
    return (
        Message(role=Role.SYSTEM, content=fill(system, **words)),
        Message(role=Role.USER, content=fill(prompts.user[task.kind], question=task.question, **words)),
    )


def _demonstrated(prompts: PromptSet, tools: Collection[str], answer: AnswerBy) -> str:
    """Solved tasks in words, only those whose tools the agent has."""
    shown = [_in_words(each, answer) for each in prompts.demonstrations if set(tools).issuperset(each.tools)]
    return "\n" + "\n\n".join(["How tasks were solved:", *shown]) + "\n" if shown else ""


def _in_words(demonstration: Demonstration, answer: AnswerBy) -> str:
    lines = [f"Task: {demonstration.task}"]
    *before, last = demonstration.steps
    for step in before:
        lines += [f"{step.thought} Called: {step.code}.", f"Result: {step.printed}"]
    given = {AnswerBy.TEXT: "Replied", AnswerBy.TOOL: "Called final_answer with the answer"}[answer]
    return "\n".join([*lines, f"{last.thought} {given}: {last.code}"])
