"""``/v1/responses``: what clients send and receive.

In: the JSON body of a request. Out: what is asked of the agent; the reply as one body or as events. The steps are one
``reasoning`` item before the message. ``previous_response_id`` or ``conversation`` continues a conversation while its
state is kept. Not here: HTTP, running the turn.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import JsonValue, field_validator

from understudy.models.chat_messages import ChatMessage
from understudy.records import Role
from understudy.serving.asked import Asked
from understudy.serving.chat_form import AgentBody, all_texts, asked_of, finish, own_facts, sse
from understudy.serving.conversation import Turn
from understudy.serving.events import Event, text_of

_TEXTS = frozenset({"input_text", "output_text", "text"})


class ResponsesForm(AgentBody):
    """A request for a response."""

    path: ClassVar = "/v1/responses"

    input: str | tuple[dict[str, JsonValue], ...]
    instructions: str = ""
    """Put before what the user says, as a system message is."""
    previous_response_id: str = ""
    conversation: str = ""

    @field_validator("conversation", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return value.get("id") if isinstance(value, dict) else value

    def asked(self, name: str) -> Asked:
        """What the agent is asked. Raises ``ValueError``."""
        name = name or self.conversation
        before = "" if name else self.previous_response_id.removeprefix("resp_").partition("-")[0]
        messages = [(Role.SYSTEM, self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            messages.append((Role.USER, self.input))
        else:
            messages += [_message(item) for item in self.input if item.get("type") != "reasoning"]
        if not messages:
            raise ValueError("input: expected a text or messages, got none")
        return replace(asked_of(messages, name or before, self.metadata), must_exist=bool(before))

    def reply(self, turn: Turn, events: Sequence[Event], shown: bool) -> dict[str, JsonValue]:
        """The whole reply. ``shown``: with the steps."""
        text = "".join(all_texts(events, turn)).strip() if shown else ""
        return self.body(turn, _response_id(turn), text, "completed")

    def stream_of(self, turn: Turn, shown: bool) -> ResponsesStream:
        """The events of a streamed reply."""
        return ResponsesStream(self, turn, shown)

    def body(self, turn: Turn, response_id: str, reasoning: str, status: str) -> dict[str, JsonValue]:
        """A response. ``status``: ``in_progress`` or ``completed``."""
        is_whole = status == "completed"
        limited = is_whole and finish(turn) == "length"
        output = [*([reasoning_item(response_id, reasoning)] if reasoning else ())]
        if is_whole:
            output.append(message_item(response_id, turn.result.answer or ""))
        usage = turn.usage
        return {
            "id": response_id,
            "object": "response",
            "created_at": int(time.time()),
            "status": "incomplete" if limited else status,
            "incomplete_details": {"reason": "max_output_tokens"} if limited else None,
            "error": None,
            "model": self.model,
            "instructions": self.instructions or None,
            "metadata": self.metadata,
            "output": output,
            "parallel_tool_calls": False,
            "tool_choice": "auto",
            "tools": [],
            "temperature": None,
            "top_p": None,
            "previous_response_id": self.previous_response_id or None,
            "usage": {
                "input_tokens": usage.prompt_tokens,
                "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
                "output_tokens": usage.completion_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage.total_tokens,
            }
            if is_whole
            else None,
            "understudy": own_facts(turn, self.ignored),
        }


class ResponsesStream:
    """Server-sent events of one reply."""

    def __init__(self, form: ResponsesForm, turn: Turn, shown: bool) -> None:
        self._form, self._turn, self._shown = form, turn, shown
        self._id = _response_id(turn)
        self._number = 0
        self._last: Event | None = None
        self._reasoning = ""

    def begin(self) -> Iterator[str]:
        """The response, in progress."""
        yield self._event("response.created", response=self._form.body(self._turn, self._id, "", "in_progress"))

    def event(self, event: Event) -> Iterator[str]:
        """The text of an event, as reasoning."""
        text = text_of(event, self._last, self._turn.conversation.action_format)
        self._last = event
        if not self._shown or not text:
            return
        item = reasoning_item(self._id, "")
        if not self._reasoning:
            yield self._event("response.output_item.added", output_index=0, item={**item, "summary": []})
            yield self._event(
                "response.reasoning_summary_part.added",
                output_index=0,
                item_id=item["id"],
                summary_index=0,
                part={"type": "summary_text", "text": ""},
            )
        self._reasoning += text
        yield self._event(
            "response.reasoning_summary_text.delta", output_index=0, item_id=item["id"], summary_index=0, delta=text
        )

    def end(self) -> Iterator[str]:
        """The answer and the whole response."""
        answer = self._turn.result.answer or ""
        at = 0
        if self._reasoning:
            item = reasoning_item(self._id, self._reasoning)
            yield self._event("response.output_item.done", output_index=0, item=item)
            at = 1
        message = message_item(self._id, answer)
        place: dict[str, Any] = {"output_index": at, "item_id": message["id"], "content_index": 0}
        yield self._event(
            "response.output_item.added", output_index=at, item={**message, "content": [], "status": "in_progress"}
        )
        yield self._event("response.content_part.added", **place, part=_part(""))
        yield self._event("response.output_text.delta", **place, delta=answer, logprobs=[])
        yield self._event("response.output_text.done", **place, text=answer, logprobs=[])
        yield self._event("response.content_part.done", **place, part=_part(answer))
        yield self._event("response.output_item.done", output_index=at, item=message)
        body = self._form.body(self._turn, self._id, self._reasoning, "completed")
        yield self._event(f"response.{body['status']}", response=body)

    def failure(self, error: dict[str, JsonValue]) -> Iterator[str]:
        """An error after the reply has begun."""
        body = self._form.body(self._turn, self._id, self._reasoning, "in_progress")
        failed = {**body, "status": "failed", "error": {"code": "server_error", "message": error["message"]}}
        yield self._event("response.failed", response=failed)

    def _event(self, kind: str, **fields: Any) -> str:
        number, self._number = self._number, self._number + 1
        return f"event: {kind}\n" + sse({"type": kind, "sequence_number": number, **fields})


def reasoning_item(response_id: str, text: str) -> dict[str, Any]:
    """The steps."""
    summary = [{"type": "summary_text", "text": text}]
    return {"id": f"rs_{response_id[5:]}", "type": "reasoning", "summary": summary}


def message_item(response_id: str, answer: str) -> dict[str, Any]:
    """The answer."""
    item = {"id": f"msg_{response_id[5:]}", "type": "message", "role": "assistant", "status": "completed"}
    return {**item, "content": [_part(answer)]}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response_id(turn: Turn) -> str:
    """It begins with the conversation's id, by which the next request finds it."""
    return f"resp_{turn.conversation.id}-{uuid.uuid4().hex[:12]}"


def _message(item: dict[str, JsonValue]) -> tuple[Role, str]:
    if item.get("type", "message") != "message":
        raise ValueError(f"input: the agent makes its own calls; expected messages, got {item.get('type')!r}")
    content = item.get("content")
    if isinstance(content, list):
        content = [
            {**part, "type": "text"} if isinstance(part, dict) and part.get("type") in _TEXTS else part
            for part in content
        ]
    message = ChatMessage.model_validate({"role": item.get("role"), "content": content})
    return message.role, message.content
