"""The one protocol of all models: messages in, n completions out; and the kinds of models.

In: a ``ModelConfig``, then ``Request`` records. Out: ``Completion`` records. Libraries are imported only when a model
that needs them is opened. Not here: prompts, parsing, retries of attempts.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Annotated, Protocol, Self

from understudy.annotations import result_settings
from understudy.records import Completion, Message, PrefixDelivery, ToolSchema
from understudy.registry import Builtin, Group, PartConfig, TargetError
from understudy.runs import digest


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model."""

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
    """The same request with the same seed gives the same completions, if the model supports it."""
    continue_final: bool = False
    """The last message is an assistant message, which the model continues."""
    logprobs: bool = False
    json_schema: str | None = None
    """A JSON schema, as text, that the reply should follow. Servers that support constrained decoding enforce it;
    others ignore it, so the prompt must state it as well and the reply must still be validated.
    """
    tools: tuple[ToolSchema, ...] = ()
    """The tools that the reply may call. Empty: none, and the reply is text."""
    tool_choice: str = "auto"
    """``auto``, ``none``, ``required``, or the name of the one tool that must be called."""
    parallel_tool_calls: bool = True
    """Whether one reply may contain several calls."""
    cancelled: threading.Event | None = field(default=None, compare=False, repr=False)
    """Set if nobody waits for the reply any more: a model in this process then stops computing, and what it returns is
    not used.
    """


class ProviderError(Exception):
    """The model could not be reached or kept failing: an infrastructure error, never an answer."""


class ContextFullError(Exception):
    """The conversation does not fit the model's context window. A fact about the attempt, not a failure."""


class ProgramError(Exception):
    """A program in place of a model raised an exception, or returned no text. This is an error of that program."""


class Model(Protocol):
    """Completes messages. Safe to call from many threads at once.

    Your own class may inherit from this one: it then only has to define ``complete``. A class with the attribute
    ``gives_logprobs = True`` returns log-probabilities at no cost, so agents always ask for them. ``with_settings``
    gives an opened model the attribute ``settings``, a digest of what its replies depend on.
    """

    name: str
    """The name in records."""
    is_program: bool = False
    """Whether a program stands in for a model; reports say so next to its figures."""

    @property
    def prefix_delivery(self) -> PrefixDelivery:
        """How this model can be made to begin a reply with a prefill."""
        return PrefixDelivery.INSTRUCTED

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Return exactly ``request.n`` completions; ids of tool calls are unique within the conversation.

        Raises ``ProviderError`` or ``ContextFullError``.
        """
        ...

    def close(self) -> None:
        """Release resources. Closing twice is allowed."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the model."""
        self.close()


MODELS: Group[Model] = Group(
    "models",
    "completes messages",
    {
        "openai_chat": Builtin(
            config="understudy.models.config:OpenAIChatConfig", part="understudy.models.openai_chat:OpenAIChatModel"
        ),
        "local": Builtin(
            config="understudy.models.config:LocalConfig",
            part="understudy.models.engines.pool:open_local",
        ),
        "scripted": Builtin(
            config="understudy.models.config:ScriptedConfig", part="understudy.models.scripted:open_scripted"
        ),
    },
    methods=("complete",),
)
ModelConfig = Annotated[PartConfig, MODELS]


def open_model(config: PartConfig) -> Model:
    """Open the model; it is a context manager that closes itself.

    Raises ``ValueError`` if a class, a program or a key does not exist, ``OSError`` if a checkpoint does not.
    """
    model = MODELS.open(config)
    if not hasattr(model, "name"):
        model.name = config.kind
    missing = [name for name in _PARTS if not hasattr(model, name)]
    if missing:
        raise TargetError(
            f"{config.kind}: expected a model; it has no {', '.join(missing)}. "
            "Inherit from understudy.models.Model, which has all but complete"
        )
    return with_settings(model, config)


def with_settings(model: Model, config: PartConfig) -> Model:
    """The model, which knows the digest of its config, so that stored verdicts are not taken for those of another."""
    with contextlib.suppress(AttributeError):  # a user's class with slots
        model.settings = digest(result_settings(config))  # type: ignore[attr-defined]
    return model


def settings_of(model: Model) -> str:
    """The digest of a model's config; empty for a model that was not opened from one."""
    return str(getattr(model, "settings", ""))


_PARTS = ("complete", "is_program", "prefix_delivery", "close", "__enter__", "__exit__")
