"""A user played by a model, for dialogues whose turns nobody scripted.

In: a task whose metadata describe under ``user`` what the user wants and knows, and what was said so far. Out: the
user's next message, or None if the dialogue is over. The model sees the agent's answers only, never its actions or the
world. Its tokens are counted apart from the agent's. Not here: scripted turns, users of environments (``dialogue.py``).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from understudy.annotations import ModelRef
from understudy.models import ContextFullError, Model, ModelConfig, ProviderError, Request
from understudy.records import Message, Record, Role, Task, Usage
from understudy.runs import derive_seed

SCENARIO = "user"
"""The key of a task's metadata that describes its user."""
END = "###END###"
SYSTEM = f"""You play a person who talks to an assistant. Stay in this role.

Who you are, what you want and what you know:
{{scenario}}

Reply with your next message alone, in one or two sentences. Tell a detail only when it is needed. Invent nothing that
is not written above. When you have what you want, or when the assistant cannot help you, reply with {END} alone."""


class UserOptions(Record):
    """How a user is played."""

    max_turns: Annotated[int, Field(ge=1)] = 8
    """Most turns of a dialogue, with the question; then the user says nothing more."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 256


class UserConfig(UserOptions):
    """A user, with its model."""

    model: ModelConfig


class UserSection(UserOptions):
    """A user, as a recipe describes it: its model by name."""

    model: ModelRef
    """The model of the recipe that plays the user."""


class SimulatedUser:
    """The user of many attempts. Safe to call from many threads."""

    def __init__(self, model: Model, options: UserOptions) -> None:
        self._model = model
        self._options = options

    def says(self, task: Task, exchanged: list[tuple[str, str]], seed: int) -> tuple[str | None, Usage]:
        """The user's next message, given each earlier message of the user with the agent's answer to it; and what it
        took.

        None: the dialogue is over, or the task has no scenario. Raises ``ProviderError``.
        """
        scenario = task.metadata.get(SCENARIO)
        if not isinstance(scenario, str) or len(exchanged) >= self._options.max_turns:
            return None, Usage()
        request = Request(
            messages=(Message(role=Role.SYSTEM, content=SYSTEM.format(scenario=scenario)), *_as_seen(exchanged)),
            temperature=self._options.temperature,
            max_tokens=self._options.max_tokens,
            seed=derive_seed(seed, "user", len(exchanged)),
        )
        try:
            completion = self._model.complete(request)[0]
        except ContextFullError as error:
            raise ProviderError(f"the dialogue does not fit the context of the user's model: {error}") from error
        text = completion.text.strip()
        return None if END in text or not text else text, completion.usage


def _as_seen(exchanged: list[tuple[str, str]]) -> list[Message]:
    """The dialogue as the user's model sees it: it said the user's messages itself."""
    hello = Message(role=Role.USER, content="Hello! How can I help you?")
    pairs = [
        (Message(role=Role.ASSISTANT, content=said), Message(role=Role.USER, content=answer or "(no answer)"))
        for said, answer in exchanged
    ]
    return [hello, *(message for pair in pairs for message in pair)]
