"""Prompts filled in, for one agent: its set of texts, its own system message, its action format, its tools.

In: an agent's config, and for the initial messages a task and what the agent may use. Out: messages, observation texts,
and a hash of all texts that an agent's model may read. Not here: the texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from understudy.agents.formats import ActionFormat
from understudy.agents.prompts.minimal import BRIEF, MINIMAL
from understudy.agents.prompts.paper import PAPER
from understudy.agents.prompts.prompt_set import (
    Demonstration,
    ObservationTexts,
    PromptRole,
    PromptSet,
    PromptSetName,
    Rule,
)
from understudy.records import Message, Role, Task
from understudy.runs import digest
from understudy.tools import Tool, describe_tools

_SETS = {PromptSetName.PAPER: PAPER, PromptSetName.BRIEF: BRIEF, PromptSetName.MINIMAL: MINIMAL}
_FORM_THOUGHT = "what you know, what you still need, and what the code will find out."
_COUNTS = ("No", "One", "Two", "Three", "Four", "Five")


def prompt_set(name: PromptSetName) -> PromptSet:
    """The texts of a set."""
    return _SETS[name]


def prompts_hash(name: PromptSetName, system_prompt: Path | None = None) -> str:
    """Sixteen hex digits that change with any word of the texts."""
    return digest([_SETS[name].model_dump(mode="json"), *([] if system_prompt is None else [read_own(system_prompt)])])


def observation_texts(name: PromptSetName, action_format: ActionFormat) -> ObservationTexts:
    """The texts of observations, in the words of the action format."""
    texts = _SETS[name].observation
    problems = {problem: fill(text, **_words_of(action_format)) for problem, text in texts.problems.items()}
    return texts.model_copy(update={"problems": problems})


def code_messages(
    name: PromptSetName,
    role: PromptRole,
    task: Task,
    tools: tuple[Tool, ...],
    imports: tuple[str, ...],
    action_format: ActionFormat,
    system_prompt: Path | None = None,
) -> tuple[Message, Message]:
    """System and user message of a code agent. ``imports``: what the code may import."""
    prompts = _SETS[name]
    words = _words_of(action_format)
    if system_prompt is not None:
        system = read_own(system_prompt)
    elif role is PromptRole.TEACHER:
        system = (
            prompts.system
            + _demonstrated(prompts, tools, action_format)
            + ruled(prompts.rules, {tool.name for tool in tools}, searches=any(tool.is_search for tool in tools))
        )
    else:
        system = prompts.system
    system = fill(system, tools=describe_tools(tools), imports=", ".join(imports), **words)
    return (
        Message(role=Role.SYSTEM, content=system),
        Message(role=Role.USER, content=fill(prompts.user[task.kind], question=task.question, **words)),
    )


def cot_messages(
    name: PromptSetName, task: Task, passages: str | None = None, system_prompt: Path | None = None
) -> tuple[Message, Message]:
    """System and user message of a chain of thought. ``passages``: text of the retrieved passages; None without
    retrieval.
    """
    prompts = _SETS[name]
    template = prompts.cot_user[task.kind] if passages is None else prompts.rag_user[task.kind]
    system = prompts.cot_system if system_prompt is None else read_own(system_prompt)
    return (
        Message(role=Role.SYSTEM, content=system),
        Message(role=Role.USER, content=fill(template, question=task.question, passages=passages or "")),
    )


@lru_cache(maxsize=64)
def read_own(path: Path) -> str:
    """A user's system message. Raises ``ValueError`` with the path."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{path}: expected a text file in UTF-8: {error}") from None
    if not text.strip():
        raise ValueError(f"{path}: expected the text of a system message; the file is empty")
    return text


def fill(template: str, **values: str) -> str:
    """Replace names in braces by values, in one pass: braces in a value, or around anything else, stay as they are."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)


def _words_of(action_format: ActionFormat) -> dict[str, str]:
    return {
        "form": action_format.render(_FORM_THOUGHT, "# your code"),
        "action": action_format.render("", "# code"),
        "instruction": action_format.instruction,
        "end": action_format.end.strip(),
    }


def _demonstrated(prompts: PromptSet, tools: Sequence[Tool], action_format: ActionFormat) -> str:
    """Only the solved tasks whose tools the agent has."""
    names = {tool.name for tool in tools}
    shown = [each for each in prompts.demonstrations if names.issuperset(each.tools)]
    if not shown:
        return ""
    many = len(shown) > 1
    count = _COUNTS[len(shown)] if len(shown) < len(_COUNTS) else str(len(shown))
    what = f"{count} examples of solved tasks follow. Their" if many else "An example of a solved task follows. Its"
    examples = [_as_text(each, prompts.observation, action_format) for each in shown]
    return "\n" + "\n\n".join([f"{what} facts are made up or simple; the form is what counts.", *examples]) + "\n"


def _as_text(demonstration: Demonstration, texts: ObservationTexts, action_format: ActionFormat) -> str:
    lines = [f"Task: {demonstration.task}"]
    for step in demonstration.steps:
        lines.append(action_format.render(step.thought, step.code))
        if step.printed:
            lines.append(texts.header + texts.printed_header + step.printed)
    return "\n".join(lines)


def ruled(rules: Sequence[Rule], names: Collection[str], *, searches: bool) -> str:
    """The rules that fit the tools of these names, numbered. ``searches``: one of them is a search."""
    kept = [rule for rule in rules if searches or not rule.needs_search]
    texts = [rule.text if not rule.tool or rule.tool in names else rule.otherwise for rule in kept]
    numbered = [f"{number}. {text}" for number, text in enumerate(filter(None, texts), 1)]
    return "\n".join(["", "Rules:", *numbered, ""]) if numbered else ""
