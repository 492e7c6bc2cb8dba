"""Our own small OpenAI-compatible endpoint over any model of this house.

In: HTTP. Out: chat completions, raw completions (local models), rendered conversations, the list of models, health. It
has what agents need and small servers lack: n, seed, stop, log-probabilities of the reply and of the prompt, token
ids, a continued assistant message.

Loopback by default: there is no key. Not here: streaming, tool calls, several models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import ValidationError

from understudy.models.bodies import Body, ChatBody, RawBody, TokenizeBody
from understudy.models.model import ContextFullError, Model, ProviderError
from understudy.runs import explain

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request as HttpRequest
    from starlette.responses import JSONResponse

MAX_THREADS = 1024
"""Requests answered at once; a local model batches them."""
ROUTES: dict[str, type[Body]] = {
    "/v1/chat/completions": ChatBody,
    "/v1/completions": RawBody,
    "/tokenize": TokenizeBody,
}


def model_app(model: Model) -> Starlette:
    """The endpoint as an ASGI application. The model stays its owner's to close."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    # Not starlette's own pool: its forty threads would bound the batch of a local model.
    pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="understudy-server")

    def answering(body_type: type[Body]) -> Callable[[HttpRequest], Awaitable[JSONResponse]]:
        async def answer(http: HttpRequest) -> JSONResponse:
            return await _reply(http, body_type, model, pool)

        return answer

    async def models(_: HttpRequest) -> JSONResponse:
        entry = {"id": model.name, "object": "model", "owned_by": "understudy"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(_: HttpRequest) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    asked = [Route(path, answering(body_type), methods=["POST"]) for path, body_type in ROUTES.items()]
    return Starlette(routes=[*asked, Route("/v1/models", models), Route("/health", health)])


async def _reply(http: HttpRequest, body_type: type[Body], model: Model, pool: ThreadPoolExecutor) -> JSONResponse:
    from starlette.responses import JSONResponse

    try:
        body = body_type.model_validate_json(await http.body())
        if body.model != model.name:  # or the base might be evaluated as the student
            return _refusal(404, "model_not_found", f"no model {body.model!r} here, only {model.name!r}")
        return JSONResponse(await asyncio.get_running_loop().run_in_executor(pool, body.reply, model))
    except ValidationError as error:
        return _refusal(400, "invalid_request", explain(error, "body"))
    except ContextFullError as error:
        return _refusal(400, "context_length_exceeded", str(error))
    except ValueError as error:
        return _refusal(400, "invalid_request", str(error))
    except ProviderError as error:
        return _refusal(503, "unavailable", str(error))


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    from starlette.responses import JSONResponse

    return JSONResponse({"error": {"message": message, "type": "error", "code": code}}, status_code=status)
