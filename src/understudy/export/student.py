"""What an export is made of: records only."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from understudy.records import Message, Record, Role


class Student(Record):
    """A trained student and the agent that it acts as."""

    name: str
    """As the recipe names it, such as ``train/agent``."""
    checkpoint: Path
    """Folder of the training's checkpoint: an adapter or whole weights, with tokenizer and card."""
    agent: dict[str, JsonValue]
    """The settings of the agent, as the recipe has them, defaults included."""
    tools: tuple[str, ...] = ()
    """The tools' declarations, as the prompt shows them."""
    stop: tuple[str, ...] = ()
    """Strings that end a reply."""
    temperature: float = 0.0
    top_p: float = 1.0
    prompts: tuple[tuple[Message, ...], ...]
    """What the student read in training before its first replies; an export is checked on them."""

    @property
    def system(self) -> str:
        """The system message that the student was trained with; empty if it has none."""
        first = self.prompts[0][0]
        return first.content if first.role is Role.SYSTEM else ""
