"""Our own small OpenAI-compatible endpoint for any model of this package.

In: HTTP. Out: chat completions, raw completions (local models), rendered conversations, the list of models, health. It
has what agents need and small servers lack: n, seed, stop, log-probabilities of the reply and of the prompt, token ids,
a continued assistant message. A stream is sent when the reply is complete.

Tool calls are returned and streamed in OpenAI's form. The endpoint listens on loopback by default, because it checks no
key. Not here: several models.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from understudy.models.bodies import Body, ChatBody, RawBody, SamplingBody, TokenizeBody
from understudy.models.model import ContextFullError, Model, ProgramError, ProviderError
from understudy.runs import explain

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import JSONResponse, Response

MAX_THREADS = 1024
"""Requests that are answered at the same time; a local model batches them."""
ROUTES: dict[str, type[Body]] = {
    "/v1/chat/completions": ChatBody,
    "/v1/completions": RawBody,
    "/tokenize": TokenizeBody,
}


def model_app(model: Model) -> Starlette:
    """The endpoint as an ASGI application. The caller closes the model."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    # Not starlette's own pool: its forty threads would bound the batch of a local model.
    pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="understudy-server")
    entry = {"id": model.name, "object": "model", "created": int(time.time()), "owned_by": "understudy"}

    def answering(body_type: type[Body]) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def answer(http: HttpRequest) -> Response:
            return await _reply(http, body_type, model, pool)

        return answer

    async def models(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [entry]})

    async def one_model(http: HttpRequest) -> JSONResponse:
        name = http.path_params["name"]
        return JSONResponse(entry) if name == model.name else _no_model(name, model)

    async def health(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def no_path(http: HttpRequest, _: Exception) -> JSONResponse:
        here = ", ".join([*ROUTES, "/v1/models", "/health"])
        return _refusal(404, "not_found", f"no {http.method} {http.url.path} here, only {here}")

    routes = [Route(path, answering(body_type), methods=["POST"]) for path, body_type in ROUTES.items()]
    routes += [Route("/v1/models", models), Route("/v1/models/{name:path}", one_model), Route("/health", health)]
    return Starlette(routes=routes, exception_handlers={404: no_path, 405: no_path})


async def _reply(http: HttpRequest, body_type: type[Body], model: Model, pool: ThreadPoolExecutor) -> Response:
    from starlette.responses import JSONResponse, StreamingResponse

    try:
        body = body_type.model_validate_json(await http.body())
        if body.model != model.name:  # or the base might be evaluated as the student
            return _no_model(body.model, model)
        reply = await asyncio.get_running_loop().run_in_executor(pool, body.reply, model)
    except ValidationError as error:
        return _refusal(400, "invalid_request", explain(error, "body"), _first_field(error))
    except ContextFullError as error:
        return _refusal(400, "context_length_exceeded", str(error), "messages")
    except ValueError as error:
        return _refusal(400, "invalid_request", str(error))
    except ProviderError as error:
        return _refusal(503, "unavailable", str(error))
    except ProgramError as error:
        return _refusal(500, "program_failed", str(error))
    if isinstance(body, SamplingBody) and body.stream:
        return StreamingResponse(_events(body, reply), media_type="text/event-stream")
    return JSONResponse(reply)


def _events(body: SamplingBody, reply: dict[str, JsonValue]) -> Iterator[str]:
    for chunk in body.chunks(reply):
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


def _first_field(error: ValidationError) -> str | None:
    return next((str(problem["loc"][0]) for problem in error.errors() if problem["loc"]), None)


def _no_model(name: str, model: Model) -> JSONResponse:
    return _refusal(404, "model_not_found", f"no model {name!r} here, only {model.name!r}", "model")


def _refusal(status: int, code: str, message: str, param: str | None = None) -> JSONResponse:
    from starlette.responses import JSONResponse

    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"message": message, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": error}, status_code=status)
