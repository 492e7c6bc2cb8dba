"""What our endpoint is asked, and what it answers, as OpenAI and vLLM have it.

In: the JSON body of a request, checked field by field. Out: the JSON body of the reply. A field that is not known is
refused, because a setting that is ignored in silence costs days. Not here: HTTP.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from understudy.models.model import Model, Request
from understudy.models.rendering import Renderer
from understudy.records import Completion, Message

MAX_PROMPT_LOGPROBS = 100


@runtime_checkable
class CompletesIds(Protocol):
    """A model that also continues a prompt of token ids, and says what it thinks of one."""

    renderer: Renderer

    def complete_ids(self, prompt_ids: list[int], request: Request) -> tuple[Completion, ...]: ...

    def prompt_logprobs(self, ids: list[int], top_k: int) -> list[dict[int, float]]: ...


class Body(BaseModel):
    """What all requests share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Must be the model that is served."""

    @abstractmethod
    def reply(self, model: Model) -> dict[str, JsonValue]:
        """Raises ``ValueError`` for what cannot be asked of this model, and what the model raises."""


class _SamplingBody(Body):
    """What both kinds of completion share."""

    n: Annotated[int, Field(ge=1, le=1024)] = 1
    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(ge=1)] = 1024
    stop: str | tuple[str, ...] | None = None
    seed: int | None = None
    stream: Literal[False] = False
    return_token_ids: bool = False
    user: str | None = None
    """Accepted for the protocol's sake."""

    @abstractmethod
    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        """The part of a choice that this kind of completion has for itself."""

    def request(self, messages: tuple[Message, ...], continue_final: bool, logprobs: bool) -> Request:
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return Request(
            messages=messages,
            n=self.n,
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            stop=tuple(string for string in stop if string),
            seed=self.seed,
            continue_final=continue_final,
            logprobs=logprobs,
        )

    def reply_of(
        self, completions: tuple[Completion, ...], model: Model, shared: Mapping[str, JsonValue] = MappingProxyType({})
    ) -> dict[str, JsonValue]:
        """``shared``: what all choices say alike."""
        choices: list[JsonValue] = []
        for number, completion in enumerate(completions):
            choice = {
                "index": number,
                "finish_reason": completion.finish_reason.value,
                **self.choice(completion),
                **shared,
            }
            if self.return_token_ids and completion.token_ids is not None:
                choice["token_ids"] = list(completion.token_ids)
            choices.append(choice)
        return {"model": model.name, "choices": choices, "usage": _usage(completions)}


class ChatBody(_SamplingBody):
    """A chat completion is asked for."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    logprobs: bool = False
    continue_final_message: bool = False
    add_generation_prompt: bool = True

    def reply(self, model: Model) -> dict[str, JsonValue]:
        if self.add_generation_prompt == self.continue_final_message:
            raise ValueError("expected either add_generation_prompt or continue_final_message")
        request = self.request(self.messages, self.continue_final_message, self.logprobs)
        return self.reply_of(model.complete(request), model)

    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        tokens: list[JsonValue] = [
            {"token": f"token_id:{token_id}", "logprob": logprob, "top_logprobs": []}
            for token_id, logprob in _tokens(completion)
        ]
        return {
            "message": {"role": "assistant", "content": completion.text},
            "logprobs": {"content": tokens} if tokens else None,
        }


class RawBody(_SamplingBody):
    """A text, or token ids, are to be continued."""

    prompt: str | tuple[int, ...]
    logprobs: int | None = None
    prompt_logprobs: Annotated[int, Field(ge=1, le=MAX_PROMPT_LOGPROBS)] | None = None
    """Likeliest tokens that are told at each place of the prompt, beside the given one."""

    def reply(self, model: Model) -> dict[str, JsonValue]:
        tokens = _with_tokens(model)
        ids = self._prompt_ids(tokens)
        completions = tokens.complete_ids(ids, self.request((), False, self.logprobs is not None))
        if self.prompt_logprobs is None:
            return self.reply_of(completions, model)
        told: list[JsonValue] = [None]  # nothing comes before the first token
        for place in tokens.prompt_logprobs(ids, self.prompt_logprobs):
            told.append({str(token): {"logprob": value} for token, value in place.items()})
        return self.reply_of(completions, model, {"prompt_logprobs": told})

    def choice(self, completion: Completion) -> dict[str, JsonValue]:
        tokens = _tokens(completion)
        names: list[JsonValue] = [f"token_id:{token_id}" for token_id, _ in tokens]
        logprobs: list[JsonValue] = [logprob for _, logprob in tokens]
        return {
            "text": completion.text,
            "logprobs": {"tokens": names, "token_logprobs": logprobs} if tokens else None,
        }

    def _prompt_ids(self, tokens: CompletesIds) -> list[int]:
        if isinstance(self.prompt, str):
            return list(tokens.renderer.tokenizer(self.prompt, add_special_tokens=False)["input_ids"])
        return list(self.prompt)


class TokenizeBody(Body):
    """A conversation is to be rendered as the model would read it."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    add_generation_prompt: Literal[True] = True

    def reply(self, model: Model) -> dict[str, JsonValue]:
        ids: list[JsonValue] = list(_with_tokens(model).renderer.prompt_ids(self.messages))
        return {"count": len(ids), "tokens": ids}


def _with_tokens(model: Model) -> CompletesIds:
    if not isinstance(model, CompletesIds):
        raise ValueError(f"{model.name} has no tokens: expected a chat completion")
    return model


def _usage(completions: tuple[Completion, ...]) -> dict[str, JsonValue]:
    prompt = sum(completion.usage.prompt_tokens for completion in completions)
    written = sum(completion.usage.completion_tokens for completion in completions)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _tokens(completion: Completion) -> list[tuple[int, float]]:
    """(id, log-probability) of each sampled token; empty where they were not asked for."""
    if completion.logprobs is None or completion.token_ids is None:
        return []
    return list(zip(completion.token_ids, completion.logprobs, strict=True))
