"""The input of an export, as records."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from understudy.records import Message, Record, Role


class Student(Record):
    """A trained student and the agent that it acts as."""

    name: str
    """The name in the recipe, such as ``train/agent``."""
    checkpoint: Path
    """Folder of the checkpoint: an adapter or full weights, with tokenizer and card."""
    agent: dict[str, JsonValue]
    """The settings of the agent in the recipe, including defaults."""
    tools: tuple[str, ...] = ()
    """The declarations of the tools, as in the prompt."""
    stop: tuple[str, ...] = ()
    """Strings that end a reply."""
    temperature: float = 0.0
    top_p: float = 1.0
    recipe: dict[str, JsonValue] = {}
    """The recipe of its run, without paths of this machine."""
    outside: tuple[str, ...] = ()
    """Files and code that the recipe names and an export does not hold."""
    prompts: tuple[tuple[Message, ...], ...]
    """Prompts of first replies from training. The export is checked on them."""

    @property
    def system(self) -> str:
        """The system message that the student was trained with; empty if it has none."""
        first = self.prompts[0][0]
        return first.content if first.role is Role.SYSTEM else ""
