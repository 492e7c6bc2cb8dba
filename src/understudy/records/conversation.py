"""What models read and write."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records.record import Record


class Role(StrEnum):
    """Who speaks. Observations are user messages, as chat templates of all model families allow."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


def _is_empty(text: str) -> bool:
    return not text


class Message(Record):
    """One message of a conversation, exactly as the model saw or said it."""

    role: Role
    content: str
    reasoning: Annotated[str, Field(exclude_if=_is_empty)] = ""
    """What a reasoning model thought before it said this, where its server returns it. It is kept, never sent back.
    A message without any is written as before there was this field, so that digests of prompts stay the same.
    """


class Usage(Record):
    """Tokens and money of one or more model calls."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    cost_usd: float | None = None
    """None if the model's price is not known."""

    def __add__(self, other: Usage) -> Usage:
        costs = [c for c in (self.cost_usd, other.cost_usd) if c is not None]
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            requests=self.requests + other.requests,
            cost_usd=sum(costs) if costs else None,
        )

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


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
    """What a reasoning model thought before, where its server returns that beside the text."""
    usage: Usage = Usage()
    """The prompt is counted once per request: on the first of its n completions."""
    token_ids: tuple[int, ...] | None = None
    """Sampled ids, if the model returns them."""
    logprobs: tuple[float, ...] | None = None
    """Natural log-probability of each sampled token, if the model returns them."""

    @property
    def mean_logprob(self) -> float | None:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None
