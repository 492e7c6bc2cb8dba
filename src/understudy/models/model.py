"""The one protocol of all models: messages in, n completions out.

In: a ``Request``. Out: ``Completion`` records. Not here: prompts, parsing, retries of episodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from understudy.records import Completion, Message, PrefixDelivery


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked for."""

    messages: tuple[Message, ...]
    n: int = 1
    """How many completions, sampled independently of one another."""
    temperature: float = 0.0
    """0 is greedy decoding."""
    top_p: float = 1.0
    max_tokens: int = 1024
    """New tokens of each completion."""
    stop: tuple[str, ...] = ()
    """Strings that end a completion; they are not part of its text."""
    seed: int | None = None
    """Same request, same seed, same completions, where the model can promise it."""
    continue_final: bool = False
    """The last message is an assistant message, which the model continues."""
    logprobs: bool = False
    json_schema: str | None = None
    """A JSON schema, as text, that the reply is to follow. Servers that can hold a model to it do; others do not look
    at it, so the prompt must say it as well and the reply must still be parsed with care.
    """


class ProviderError(Exception):
    """The model could not be reached or kept failing. A failure of the program, never an answer."""


class ContextFullError(Exception):
    """The conversation does not fit the model's context window. A fact about the attempt, not a failure."""


class Model(Protocol):
    """What completes messages. Safe to call from many threads at once."""

    name: str
    """As records name it."""
    is_program: bool
    """A program that plays a model; said wherever its figures are shown."""

    @property
    def prefix_delivery(self) -> PrefixDelivery:
        """How this model can be made to begin a reply with given words."""
        ...

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return exactly ``request.n`` completions. Raises ``ProviderError`` or ``ContextFullError``."""
        ...

    def close(self) -> None:
        """Give back what the model holds. Closing twice is fine."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the model."""
        ...
