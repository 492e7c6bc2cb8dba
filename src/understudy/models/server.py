"""Our own small OpenAI-compatible endpoint over any model of this house.

In: HTTP. Out: chat completions, raw completions (local models), the list of models, health. It has what
agents need and small servers lack: n, seed, stop, log-probabilities, token ids, a continued assistant
message. A field that it does not know is refused, because a setting that is ignored in silence costs days.

Loopback by default: there is no key. Not here: streaming, tool calls, several models.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from understudy.models.model import ContextFullError, Model, ProviderError, Request
from understudy.models.rendering import Renderer
from understudy.records import Completion, Message
from understudy.runs import explain

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import JSONResponse

MAX_THREADS = 1024
"""Requests answered at once; a local model batches them."""


@runtime_checkable
class CompletesIds(Protocol):
    """A model that also continues a prompt of token ids."""

    renderer: Renderer

    def complete_ids(self, prompt_ids: list[int], request: Request) -> tuple[Completion, ...]: ...


class _Body(BaseModel):
    """What both kinds of request share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Must be the model that is served."""
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


class ChatBody(_Body):
    """A chat completion is asked for."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    logprobs: bool = False
    continue_final_message: bool = False
    add_generation_prompt: bool = True

    def answer(self, model: Model) -> tuple[Completion, ...]:
        if self.add_generation_prompt == self.continue_final_message:
            raise ValueError("expected either add_generation_prompt or continue_final_message")
        return model.complete(self.request(self.messages, self.continue_final_message, self.logprobs))

    @staticmethod
    def choice(completion: Completion) -> dict[str, JsonValue]:
        tokens: list[JsonValue] = [
            {"token": f"token_id:{token_id}", "logprob": logprob, "top_logprobs": []}
            for token_id, logprob in _tokens(completion)
        ]
        return {
            "message": {"role": "assistant", "content": completion.text},
            "logprobs": {"content": tokens} if tokens else None,
        }


class RawBody(_Body):
    """A text, or token ids, are to be continued."""

    prompt: str | tuple[int, ...]
    logprobs: int | None = None

    def answer(self, model: Model) -> tuple[Completion, ...]:
        if not isinstance(model, CompletesIds):
            raise ValueError(f"{model.name} has no tokens: expected a chat completion")
        prompt = self.prompt
        if isinstance(prompt, str):
            prompt = tuple(model.renderer.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        return model.complete_ids(list(prompt), self.request((), False, self.logprobs is not None))

    @staticmethod
    def choice(completion: Completion) -> dict[str, JsonValue]:
        tokens = _tokens(completion)
        names: list[JsonValue] = [f"token_id:{token_id}" for token_id, _ in tokens]
        logprobs: list[JsonValue] = [logprob for _, logprob in tokens]
        return {
            "text": completion.text,
            "logprobs": {"tokens": names, "token_logprobs": logprobs} if tokens else None,
        }


def model_app(model: Model) -> Starlette:
    """The endpoint as an ASGI application. The model stays its owner's to close."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    # Not starlette's own pool: its forty threads would bound the batch of a local model.
    pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="understudy-server")

    async def chat(http: HttpRequest) -> JSONResponse:
        return await _reply(http, ChatBody, model, pool)

    async def raw(http: HttpRequest) -> JSONResponse:
        return await _reply(http, RawBody, model, pool)

    async def models(_: HttpRequest) -> JSONResponse:
        entry = {"id": model.name, "object": "model", "owned_by": "understudy"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/completions", raw, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
        ]
    )


async def _reply(
    http: HttpRequest, body_type: type[ChatBody] | type[RawBody], model: Model, pool: ThreadPoolExecutor
) -> JSONResponse:
    from starlette.responses import JSONResponse

    try:
        body = body_type.model_validate_json(await http.body())
        if body.model != model.name:  # or the base might be evaluated as the student
            return _refusal(404, "model_not_found", f"no model {body.model!r} here, only {model.name!r}")
        completions = await asyncio.get_running_loop().run_in_executor(pool, body.answer, model)
    except ValidationError as error:
        return _refusal(400, "invalid_request", explain(error, "body"))
    except ContextFullError as error:
        return _refusal(400, "context_length_exceeded", str(error))
    except ValueError as error:
        return _refusal(400, "invalid_request", str(error))
    except ProviderError as error:
        return _refusal(503, "unavailable", str(error))
    choices: list[JsonValue] = []
    for number, completion in enumerate(completions):
        choice = {"index": number, "finish_reason": completion.finish_reason.value, **body.choice(completion)}
        if body.return_token_ids and completion.token_ids is not None:
            choice["token_ids"] = list(completion.token_ids)
        choices.append(choice)
    return JSONResponse({"model": model.name, "choices": choices, "usage": _usage(completions)})


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    from starlette.responses import JSONResponse

    return JSONResponse({"error": {"message": message, "type": "error", "code": code}}, status_code=status)


def _usage(completions: tuple[Completion, ...]) -> dict[str, JsonValue]:
    prompt = sum(completion.usage.prompt_tokens for completion in completions)
    written = sum(completion.usage.completion_tokens for completion in completions)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def _tokens(completion: Completion) -> list[tuple[int, float]]:
    """(id, log-probability) of each sampled token; empty where they were not asked for."""
    if completion.logprobs is None or completion.token_ids is None:
        return []
    return list(zip(completion.token_ids, completion.logprobs, strict=True))
