"""Requests to our endpoint and its replies, in the forms of OpenAI and vLLM.

In: the JSON body of a request, validated field by field. Out: the JSON body of the reply, complete or as the chunks of
a stream. Not here: HTTP; which other fields are accepted (see ``fields``).
"""

from __future__ import annotations

import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from understudy.models.chat_messages import ChatMessage
from understudy.models.fields import without_neutral
from understudy.models.model import Model, Request
from understudy.models.rendering import Renderer
from understudy.models.tool_bodies import ToolBody, ToolChoice, checked_choice, message_deltas, said_call
from understudy.records import Completion, Message

MAX_PROMPT_LOGPROBS = 100


@runtime_checkable
class CompletesIds(Protocol):
    """A model that also continues a prompt of token ids and computes the log-probabilities of a prompt."""

    renderer: Renderer

    def complete_ids(self, prompt_ids: list[int], request: Request) -> tuple[Completion, ...]: ...

    def prompt_logprobs(self, ids: list[int], top_k: int) -> list[dict[int, float]]: ...


class Body(BaseModel):
    """Fields of all requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """The name of the served model; other names are refused."""

    @model_validator(mode="before")
    @classmethod
    def _without_neutral(cls, value: object) -> object:
        return without_neutral(value, frozenset(cls.model_fields)) if isinstance(value, dict) else value

    @abstractmethod
    def reply(self, model: Model) -> dict[str, JsonValue]:
        """Answer the request. Raises ``ValueError`` if this model does not support it, and any error of the model."""


class _StreamOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    include_usage: bool = False


class SamplingBody(Body):
    """Fields of both kinds of completion."""

    kind: ClassVar[str]
    """The ``object`` of the reply in the protocol."""
    prefix: ClassVar[str]
    """The prefix of the reply's id."""

    n: Annotated[int, Field(ge=1, le=1024)] = 1
    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The newer name of ``max_tokens``."""
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    stream: bool = False
    """The stream is sent when the reply is complete, so that the HTTP status can report errors."""
    stream_options: _StreamOptions = _StreamOptions()
    return_token_ids: bool = False

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        newer = self.max_completion_tokens
        if newer is not None and "max_tokens" in self.model_fields_set and newer != self.max_tokens:
            raise ValueError(f"expected one limit: max_tokens is {self.max_tokens}, max_completion_tokens {newer}")
        return self

    @abstractmethod
    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        """The part of a choice that is specific to this kind of completion."""

    @abstractmethod
    def deltas(self, choice: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
        """The same part in chunks, at least one. An empty choice has it in its last chunk."""

    def chunks(self, reply: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
        """A whole reply as the chunks of a stream."""
        shared: dict[str, JsonValue] = {key: value for key, value in reply.items() if key not in ("choices", "usage")}
        shared["object"] = self.kind if self.kind == "text_completion" else f"{self.kind}.chunk"
        for choice in _choices(reply):
            others: dict[str, JsonValue] = {key: choice[key] for key in ("token_ids", "logprobs") if key in choice}
            for delta in self.deltas(choice):
                yield {**shared, "choices": [{"index": choice["index"], **delta, **others, "finish_reason": None}]}
                others = {}
            end: JsonValue = {
                "index": choice["index"],
                **next(self.deltas({})),
                "finish_reason": choice["finish_reason"],
            }
            yield {**shared, "choices": [end]}
        if self.stream_options.include_usage:
            yield {**shared, "choices": [], "usage": reply["usage"]}

    def request(self, messages: tuple[Message, ...], continue_final: bool, logprobs: bool) -> Request:
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return Request(
            messages=messages,
            n=self.n,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=tuple(string for string in stop if string),
            seed=self.seed,
            continue_final=continue_final,
            logprobs=logprobs,
        )

    def reply_of(
        self, completions: tuple[Completion, ...], model: Model, shared: Mapping[str, JsonValue] = MappingProxyType({})
    ) -> dict[str, JsonValue]:
        """``shared`` holds fields that are the same in all choices."""
        choices: list[JsonValue] = []
        for number, completion in enumerate(completions):
            choice = {
                "index": number,
                "finish_reason": "tool_calls" if completion.tool_calls else completion.finish_reason.value,
                **self.choice(completion),
                **shared,
            }
            if self.return_token_ids and completion.token_ids is not None:
                choice["token_ids"] = list(completion.token_ids)
            choices.append(choice)
        named: dict[str, JsonValue] = {
            "id": f"{self.prefix}-{uuid.uuid4().hex}",
            "object": self.kind,
            "created": int(time.time()),
        }
        return {**named, "model": model.name, "choices": choices, "usage": _usage(completions)}


class ChatBody(SamplingBody):
    """A request for chat completions."""

    kind = "chat.completion"
    prefix = "chatcmpl"

    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1)]
    logprobs: bool = False
    continue_final_message: bool = False
    add_generation_prompt: bool = True
    tools: tuple[ToolBody, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True

    def reply(self, model: Model) -> dict[str, JsonValue]:
        if self.add_generation_prompt == self.continue_final_message:
            raise ValueError("expected either add_generation_prompt or continue_final_message")
        messages = tuple(message.record() for message in self.messages)
        tools = tuple(tool.record() for tool in self.tools)
        request = replace(
            self.request(messages, self.continue_final_message, self.logprobs),
            tools=tools,
            tool_choice=checked_choice(self.tool_choice, tools),
            parallel_tool_calls=self.parallel_tool_calls,
        )
        return self.reply_of(model.complete(request), model)

    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        tokens: list[JsonValue] = [
            {"token": f"token_id:{token_id}", "logprob": logprob, "top_logprobs": []}
            for token_id, logprob in _tokens(completion)
        ]
        message: dict[str, JsonValue] = {"role": "assistant", "content": completion.text}
        if completion.reasoning:
            message["reasoning_content"] = completion.reasoning
        if completion.tool_calls:
            message["content"] = completion.text or None
            message["tool_calls"] = [said_call(call) for call in completion.tool_calls]
        return {
            "message": message,
            "logprobs": {"content": tokens} if tokens else None,
        }

    def deltas(self, choice: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
        message = choice.get("message", {})
        assert isinstance(message, dict)
        for delta in message_deltas(message):
            yield {"delta": delta}


class RawBody(SamplingBody):
    """A request to continue a text or token ids."""

    kind = "text_completion"
    prefix = "cmpl"

    prompt: str | tuple[int, ...]
    logprobs: int | None = None
    prompt_logprobs: Annotated[int, Field(ge=1, le=MAX_PROMPT_LOGPROBS)] | None = None
    """Number of most likely tokens returned at each position of the prompt, in addition to the prompt's own token."""

    def reply(self, model: Model) -> dict[str, JsonValue]:
        if self.stream and self.prompt_logprobs is not None:
            raise ValueError("prompt_logprobs: is not streamed here; expected stream: false")
        tokens = _with_tokens(model)
        ids = self._prompt_ids(tokens)
        completions = tokens.complete_ids(ids, self.request((), False, self.logprobs is not None))
        if self.prompt_logprobs is None:
            return self.reply_of(completions, model)
        places: list[JsonValue] = [None]  # no token precedes the first one
        for place in tokens.prompt_logprobs(ids, self.prompt_logprobs):
            places.append({str(token): {"logprob": value} for token, value in place.items()})
        return self.reply_of(completions, model, {"prompt_logprobs": places})

    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        tokens = _tokens(completion)
        names: list[JsonValue] = [f"token_id:{token_id}" for token_id, _ in tokens]
        logprobs: list[JsonValue] = [logprob for _, logprob in tokens]
        return {
            "text": completion.text,
            "logprobs": {"tokens": names, "token_logprobs": logprobs} if tokens else None,
        }

    def deltas(self, choice: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
        yield {"text": choice.get("text", "")}

    def _prompt_ids(self, tokens: CompletesIds) -> list[int]:
        if isinstance(self.prompt, str):
            return list(tokens.renderer.tokenizer(self.prompt, add_special_tokens=False)["input_ids"])
        return list(self.prompt)


class TokenizeBody(Body):
    """A request to render a conversation to token ids."""

    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1)]
    add_generation_prompt: Literal[True] = True
    tools: tuple[ToolBody, ...] = ()

    def reply(self, model: Model) -> dict[str, JsonValue]:
        messages, tools = [one.record() for one in self.messages], [tool.record() for tool in self.tools]
        ids: list[JsonValue] = list(_with_tokens(model).renderer.prompt_ids(messages, tools=tools))
        return {"count": len(ids), "tokens": ids}


def _choices(reply: Mapping[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    choices = reply["choices"]
    assert isinstance(choices, list)
    yield from (choice for choice in choices if isinstance(choice, dict))


def _with_tokens(model: Model) -> CompletesIds:
    if not isinstance(model, CompletesIds):
        raise ValueError(f"{model.name} has no tokens: expected a chat completion")
    return model


def _usage(completions: tuple[Completion, ...]) -> dict[str, JsonValue]:
    prompt = sum(completion.usage.prompt_tokens for completion in completions)
    written = sum(completion.usage.completion_tokens for completion in completions)
    usage: dict[str, JsonValue] = {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }
    if cached := sum(completion.usage.cached_tokens for completion in completions):
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return usage


def _tokens(completion: Completion) -> list[tuple[int, float]]:
    """(id, log-probability) of each sampled token; empty if they were not requested."""
    if completion.logprobs is None or completion.token_ids is None:
        return []
    return list(zip(completion.token_ids, completion.logprobs, strict=True))
