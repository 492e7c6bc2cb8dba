"""What an action format is, and the formats that a recipe can name.

In: the text of a reply and why the model stopped. Out: its thought and its action, or the reason why nothing can be
run. An action is run by the sandbox as Python. A format whose replies contain something else, such as JSON calls,
translates it in ``parse``. Not here: running anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from understudy.records import FinishReason, ParseProblem
from understudy.registry import Builtin, Group, PartConfig

THOUGHT_LABEL = "Thought:"


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a reply contains: either ``code`` or ``problem``, never both."""

    thought: str
    code: str | None = None
    """The action, as Python."""
    problem: ParseProblem | None = None
    detail: str = ""
    """What is wrong with the syntax, as a text for the model."""


class PartName(StrEnum):
    """What a part of a reply is."""

    THOUGHT = "thought"
    ACTION = "action"
    ANSWER = "answer"
    """An action that gives the final answer."""
    REST = "rest"
    """Text after the action, such as an output that the model invented. It is not trained."""


@dataclass(frozen=True, slots=True)
class ReplyPart:
    """A range of characters of a reply."""

    name: PartName
    start: int
    end: int
    """One past the last character."""


class ActionFormat(Protocol):
    """How replies are written. A user's class is called with its config if it has a nested ``Config``."""

    stop: tuple[str, ...]
    """Generation stops at these strings; a reply is cut at the first one."""
    instruction: str
    """One sentence that asks for this form, at the end of the question."""
    end: str
    """The last characters of a whole reply."""

    def parse(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> ParsedReply:
        """Find the one action of a reply. Never raises."""
        ...

    def complete(self, text: str, finish_reason: FinishReason = FinishReason.STOP) -> str:
        """The reply as it is stored: the end that the cut at a stop string removed from a complete reply is
        restored.
        """
        ...

    def render(self, thought: str, code: str) -> str:
        """A complete reply; ``parse`` inverts it. Without a thought, the action alone."""
        ...

    def prefill(self, thought: str) -> str:
        """The beginning of a reply whose thought starts with this text."""
        ...

    def parts(self, text: str) -> tuple[ReplyPart, ...]:
        """The parts of a reply, in order; together they cover it."""
        ...


class CodeFenceConfig(PartConfig):
    """Python in a Markdown fence after ``Code:``, ended by ``<end_code>`` (the paper's form)."""

    kind: Literal["code_fence"] = "code_fence"


class CodeTagsConfig(PartConfig):
    """Python between ``<code>`` and ``</code>`` (the form of newer smolagents)."""

    kind: Literal["code_tags"] = "code_tags"


_HERE = "understudy.agents.formats"
ACTION_FORMATS: Group[ActionFormat] = Group(
    "action_formats",
    "says how a reply states its thought and its action",
    {
        "code_fence": Builtin(config=f"{_HERE}.action_format:CodeFenceConfig", part=f"{_HERE}.code_fence:CodeFence"),
        "code_tags": Builtin(config=f"{_HERE}.action_format:CodeTagsConfig", part=f"{_HERE}.code_tags:CodeTags"),
    },
    methods=("parse", "complete", "render"),
)
ActionFormatConfig = Annotated[PartConfig, ACTION_FORMATS]
CODE_FENCE = CodeFenceConfig()


def open_format(config: ActionFormatConfig) -> ActionFormat:
    """The format that a config describes. Raises ``TargetError`` and whatever a user's class raises."""
    return ACTION_FORMATS.open(config)
