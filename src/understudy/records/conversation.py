"""What models read and write."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from understudy.records.record import Record, is_empty


class Role(StrEnum):
    """Who speaks. Observations of code are user messages, as chat templates of all model families allow."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    """The result of one tool call."""


class ToolSchema(Record):
    """A tool as models see it: the ``function`` of OpenAI's ``tools``."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    parameters: dict[str, JsonValue] = {"type": "object", "properties": {}}
    """JSON Schema of the arguments."""

    def __hash__(self) -> int:
        """A schema cannot be hashed; names tell the tools of one agent apart."""
        return hash(self.name)


class FunctionCall(Record):
    """One tool call of an assistant message."""

    id: str
    """The message with its result refers to it. Unique within a conversation."""
    name: str
    arguments: dict[str, JsonValue] = {}
    """Always a mapping; it is written as JSON text only if a server or a template wants a text."""
    broken_arguments: Annotated[str, Field(exclude_if=is_empty)] = ""
    """What a server returned as the arguments, if that is not a JSON object; ``arguments`` is empty then."""

    def __hash__(self) -> int:
        """Arguments cannot be hashed; equality does compare them."""
        return hash((self.id, self.name))


class Message(Record):
    """One message of a conversation, exactly as the model saw or wrote it.

    Fields that are empty are not written, so that digests of older prompts stay the same.
    """

    role: Role
    content: str
    reasoning: Annotated[str, Field(exclude_if=is_empty)] = ""
    """The reasoning before this message, if the server returns it. It is stored and never sent back."""
    tool_calls: Annotated[tuple[FunctionCall, ...], Field(exclude_if=is_empty)] = ()
    """Of an assistant message, in order."""
    tool_call_id: Annotated[str, Field(exclude_if=is_empty)] = ""
    """Of a tool message: the call whose result it is."""

    @model_validator(mode="after")
    def _fields_fit_the_role(self) -> Self:
        if self.tool_calls and self.role is not Role.ASSISTANT:
            raise ValueError(f"expected tool_calls in assistant messages only, got them in a {self.role} message")
        if bool(self.tool_call_id) != (self.role is Role.TOOL):
            raise ValueError(f"expected tool_call_id in tool messages and nowhere else; this is a {self.role} message")
        return self


class Usage(Record):
    """Tokens and money of one or more model calls."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    cost_usd: float | None = None
    """None if the model's price is not known."""
    cached_tokens: Annotated[int, Field(exclude_if=is_empty)] = 0
    """Those of the prompt tokens that the model had kept from earlier requests, if it says so."""

    def __add__(self, other: Usage) -> Usage:
        costs = [c for c in (self.cost_usd, other.cost_usd) if c is not None]
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            requests=self.requests + other.requests,
            cost_usd=sum(costs) if costs else None,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def is_unused(usage: Usage) -> bool:
    """Whether no model was called: for fields that are then not written (``exclude_if``)."""
    return usage == Usage()


class FinishReason(StrEnum):
    """Why a model stopped writing."""

    STOP = "stop"
    """End of turn, or a stop string."""
    LENGTH = "length"
    """The token limit of the request or of the context window."""
    OTHER = "other"
    """Anything else a server says, such as a content filter."""


class Completion(Record):
    """One sampled reply of a model."""

    text: str
    """What the model wrote, without stop string and without the prefill."""
    finish_reason: FinishReason
    cut_at: str = ""
    """The stop string at which the client cut the text, if the model had written beyond it; else empty."""
    reasoning: str = ""
    """The reasoning before the reply, if the server returns it beside the text."""
    tool_calls: tuple[FunctionCall, ...] = ()
    """Calls that were read from the reply; ``text`` is the reply without them."""
    call_problem: str = ""
    """Why calls that the reply seems to make could not be read, for the model to read; ``text`` then holds them."""
    usage: Usage = Usage()
    """The prompt is counted once per request: on the first of its n completions."""
    token_ids: tuple[int, ...] | None = None
    """Sampled ids, if the model returns them."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each sampled token, if the model returns them."""

    @property
    def mean_logprob(self) -> float | None:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None

    @property
    def lowest_logprob(self) -> float | None:
        return min(self.logprobs) if self.logprobs else None
