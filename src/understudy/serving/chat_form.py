"""``/v1/chat/completions``: what clients send and receive.

In: the JSON body of a request. Out: what is asked of the agent; the reply as one body or as chunks. Steps are in
``reasoning_content``, which clients that know only ``content`` ignore, and as events under ``understudy``. The answer
comes last, in ``content``. Not here: HTTP, running the turn.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from understudy.models.chat_messages import ChatMessage
from understudy.models.fields import without_neutral
from understudy.records import Role, StopReason, Usage
from understudy.serving.asked import Asked
from understudy.serving.conversation import Turn
from understudy.serving.events import Event, text_of

_DECIDED_BY_AGENT = frozenset(
    "temperature top_p max_tokens max_completion_tokens max_output_tokens stop seed frequency_penalty presence_penalty "
    "repetition_penalty logit_bias reasoning_effort reasoning verbosity top_k min_p truncation include".split()
)
"""Settings of the agent itself. They are accepted, because clients send them unasked, and named in the reply."""
FINISH = {StopReason.ANSWERED: "stop", StopReason.STOPPED: "stop"}
"""Every other end of a turn without an error is a limit."""


class OwnOptions(BaseModel):
    """The key ``understudy`` of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    conversation: str = ""
    """Name of the conversation; the header ``x-understudy-conversation`` has the same effect."""
    steps: bool | None = None
    """Whether the reply shows the steps; None: the server's setting decides."""


class AgentBody(BaseModel):
    """Fields of all requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """The label of the agent."""
    stream: bool = False
    metadata: dict[str, JsonValue] = {}
    """Describes the world of a new conversation, in addition to the server's own metadata."""
    understudy: OwnOptions = OwnOptions()
    ignored: tuple[str, ...] = ()
    """Fields that the agent's own settings decide."""

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        if "ignored" in value:
            raise ValueError("ignored: is not a field of requests")
        if value.get("tools"):
            raise ValueError("tools: the agent has its own tools; expected none")
        fields = frozenset(cls.model_fields)
        ignored = tuple(sorted(key for key in value if key in _DECIDED_BY_AGENT and value[key] is not None))
        rest = without_neutral({key: one for key, one in value.items() if key not in _DECIDED_BY_AGENT}, fields)
        return {**rest, "ignored": ignored}


class _StreamOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    include_usage: bool = False


class ChatForm(AgentBody):
    """A request for a chat completion."""

    path: ClassVar = "/v1/chat/completions"

    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1)]
    n: Literal[1] = 1
    stream_options: _StreamOptions = _StreamOptions()

    def asked(self, name: str) -> Asked:
        """What the agent is asked. Raises ``ValueError`` if the messages are not a conversation with a user."""
        return asked_of([(one.role, one.content) for one in self.messages], name, self.metadata)

    def reply(self, turn: Turn, events: Sequence[Event], shown: bool) -> dict[str, JsonValue]:
        """The whole reply. ``shown``: with the steps."""
        answer = turn.result.answer or ""
        message: dict[str, JsonValue] = {"role": "assistant", "content": answer}
        if shown and (reasoning := "".join(all_texts(events, turn)).strip()):
            message["reasoning_content"] = reasoning
        choice: dict[str, JsonValue] = {"index": 0, "message": message, "finish_reason": finish(turn), "logprobs": None}
        own = own_facts(turn, self.ignored)
        if shown:
            own["events"] = [one.model_dump(mode="json") for one in events]
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage_of(turn.usage), "understudy": own}

    def stream_of(self, turn: Turn, shown: bool) -> ChatStream:
        """The chunks of a streamed reply."""
        return ChatStream(self, self._head("chat.completion.chunk"), turn, shown)

    def _head(self, kind: str) -> dict[str, JsonValue]:
        created = int(time.time())
        return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": created, "model": self.model}


class ChatStream:
    """Server-sent events of one reply."""

    def __init__(self, form: ChatForm, head: dict[str, JsonValue], turn: Turn, shown: bool) -> None:
        self._form, self._head, self._turn, self._shown = form, head, turn, shown
        self._last: Event | None = None

    def begin(self) -> Iterator[str]:
        """What is sent first: the conversation, so that a client can stop it."""
        own = {"conversation": self._turn.conversation.id}
        yield self._chunk({"role": "assistant", "content": ""}, understudy=own)

    def event(self, event: Event) -> Iterator[str]:
        """What is sent for an event."""
        text = text_of(event, self._last, self._turn.conversation.action_format)
        self._last = event
        if self._shown:
            delta: dict[str, JsonValue] = {"reasoning_content": text} if text else {}
            yield self._chunk(delta, understudy={"event": event.model_dump(mode="json")})

    def end(self) -> Iterator[str]:
        """The answer, and what is known at the end."""
        if self._turn.result.answer:
            yield self._chunk({"content": self._turn.result.answer})
        yield self._chunk({}, finish(self._turn), understudy=own_facts(self._turn, self._form.ignored))
        if self._form.stream_options.include_usage:
            yield sse({**self._head, "choices": [], "usage": usage_of(self._turn.usage)})
        yield "data: [DONE]\n\n"

    def failure(self, error: dict[str, JsonValue]) -> Iterator[str]:
        """An error after the reply has begun, as the SDKs read it."""
        yield sse({"error": error})

    def _chunk(self, delta: dict[str, JsonValue], reason: str | None = None, **more: Any) -> str:
        choice: dict[str, JsonValue] = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return sse({**self._head, "choices": [choice], **more})


def asked_of(messages: Sequence[tuple[Role, str]], name: str, metadata: dict[str, JsonValue]) -> Asked:
    """What is asked, from the messages of a client. A system message is put before what the user says next.

    Raises ``ValueError``.
    """
    exchanged: list[tuple[str, str]] = []
    pending: list[str] = []
    for role, text in messages:
        if role is Role.TOOL:
            raise ValueError("messages: the agent makes its own calls; expected no message of role tool")
        if role is not Role.ASSISTANT:
            pending.append(text)
        elif exchanged or pending:
            exchanged.append(("\n\n".join(pending), text))
            pending = []
        else:
            raise ValueError("messages: expected a user message before that of the assistant")
    said = "\n\n".join(pending)
    if messages[-1][0] is not Role.USER or not said.strip():
        raise ValueError("messages: expected a user message with a text at the end")
    return Asked(said, tuple(exchanged), name, metadata)


def all_texts(events: Sequence[Event], turn: Turn) -> Iterator[str]:
    """The texts of events, one after the other."""
    befores: list[Event | None] = [None, *events[:-1]]
    for before, event in zip(befores, events, strict=False):
        yield text_of(event, before, turn.conversation.action_format)


def finish(turn: Turn) -> str:
    """``stop`` after an answer, ``length`` after a limit."""
    return FINISH.get(turn.result.stop_reason, "length")


def own_facts(turn: Turn, ignored: tuple[str, ...]) -> dict[str, Any]:
    """The key ``understudy`` of a reply."""
    facts: dict[str, Any] = {
        "conversation": turn.conversation.name or turn.conversation.id,
        "stop_reason": turn.result.stop_reason.value,
    }
    return {**facts, "ignored": list(ignored)} if ignored else facts


def usage_of(usage: Usage) -> dict[str, JsonValue]:
    """Tokens of all steps of the turn."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def sse(value: object) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
