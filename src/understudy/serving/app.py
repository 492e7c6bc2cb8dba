"""A served agent as an ASGI application.

In: HTTP. Out: ``/v1/chat/completions``, ``/v1/responses``, ``/v1/models``, ``/v1/conversations/NAME``, ``/health``,
``/metrics``, the chat page at ``/``, and ``/mcp`` if it is wanted. Errors have OpenAI's form. Not here: sockets.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import ValidationError

from understudy.report import chat_page
from understudy.runs import explain
from understudy.serving.asked import RefusedError
from understudy.serving.chat_form import ChatForm
from understudy.serving.config import ServeAgentConfig
from understudy.serving.conversations import Conversations
from understudy.serving.guard import Guard
from understudy.serving.responses_form import ResponsesForm
from understudy.serving.turn_response import TurnResponse, error_of

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.types import ASGIApp


CONVERSATION_HEADER = "x-understudy-conversation"
FORMS: tuple[type[ChatForm | ResponsesForm], ...] = (ChatForm, ResponsesForm)
Answer = Callable[["Request"], Awaitable["ASGIApp"]]
"""Responses are ASGI applications."""


def agent_app(conversations: Conversations, config: ServeAgentConfig) -> Guard:
    """The application. The caller closes the conversations."""
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute, Route

    endpoint = _Endpoint(conversations, config)
    routes: list[BaseRoute] = [Route(form.path, endpoint.answering(form), methods=["POST"]) for form in FORMS]
    routes += [
        Route("/v1/models", endpoint.models),
        Route("/v1/models/{name:path}", endpoint.one_model),
        Route("/v1/conversations/{name}", endpoint.end_conversation, methods=["DELETE"]),
        Route("/v1/conversations/{name}/stop", endpoint.stop, methods=["POST"]),
        Route("/health", endpoint.health),
        Route("/metrics", endpoint.figures),
        Route("/", endpoint.page),
    ]
    lifespans = []
    if config.mcp:
        from understudy.serving.mcp_tool import mcp_app

        more, lifespan = mcp_app(conversations)
        routes += more
        lifespans.append(lifespan)

    @asynccontextmanager
    async def lifespan_of_all(_: Starlette) -> AsyncIterator[None]:
        if lifespans:
            async with lifespans[0]():
                yield
        else:
            yield

    handlers = {404: endpoint.no_path, 405: endpoint.no_path}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan_of_all)
    return Guard(app, config, conversations.metrics)


class _Endpoint:
    def __init__(self, conversations: Conversations, config: ServeAgentConfig) -> None:
        self._conversations, self._config = conversations, config
        self._label = conversations.served.label
        # One thread for each turn that may run; turns that are stopped may need theirs a little longer.
        self._pool = ThreadPoolExecutor(2 * config.max_turns + 4, thread_name_prefix="understudy-turn")
        self._entry = {"id": self._label, "object": "model", "created": int(time.time()), "owned_by": "understudy"}

    def answering(self, form_type: type[ChatForm | ResponsesForm]) -> Answer:
        async def answer(http: Request) -> ASGIApp:
            try:
                form = form_type.model_validate_json(await http.body())
                if form.model != self._label:
                    return self._no_model(form.model)
                return await self._turn(form, http)
            except ValidationError as error:
                return _refusal(400, "invalid_request", explain(error, "body"), _first_field(error))
            except ValueError as error:
                return _refusal(400, "invalid_request", str(error))
            except RefusedError as error:
                return _refused(error)

        return answer

    async def _turn(self, form: ChatForm | ResponsesForm, http: Request) -> TurnResponse:
        from starlette.concurrency import run_in_threadpool

        name = http.headers.get(CONVERSATION_HEADER) or form.understudy.conversation
        turn = await run_in_threadpool(self._conversations.begin, form.asked(name))
        shown = self._config.steps if form.understudy.steps is None else form.understudy.steps
        return TurnResponse(form, turn, self._pool, self._conversations.end_turn, shown=shown)

    async def models(self, _: Request) -> Response:
        return _json({"object": "list", "data": [self._entry]})

    async def one_model(self, http: Request) -> Response:
        name = http.path_params["name"]
        return _json(self._entry) if name == self._label else self._no_model(name)

    async def end_conversation(self, http: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        name = http.path_params["name"]
        if not await run_in_threadpool(self._conversations.end_named, name):
            return _no_conversation(name)
        return _json({"id": name, "object": "conversation.deleted", "deleted": True})

    async def stop(self, http: Request) -> Response:
        """Stop the running turn; the conversation continues."""
        name = http.path_params["name"]
        found = self._conversations.find(name)
        if found is None:
            return _no_conversation(name)
        turn = found.turn
        if turn is not None:
            turn.stop()
        return _json({"id": name, "object": "conversation", "stopped": turn is not None})

    async def health(self, _: Request) -> Response:
        one = self._conversations
        facts = {"agent": self._label, "conversations": one.n_live, "turns": one.n_running}
        status = "shutting down" if one.is_ending else "ok"
        return _json({"status": status, **facts}, 503 if one.is_ending else 200)

    async def figures(self, _: Request) -> Response:
        from starlette.responses import PlainTextResponse

        one = self._conversations
        gauges = {
            "understudy_conversations": one.n_live,
            "understudy_turns_running": one.n_running,
            "understudy_conversations_not_stored": one.n_not_stored,
        }
        return PlainTextResponse(one.metrics.text(gauges), media_type="text/plain; version=0.0.4")

    async def page(self, _: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(chat_page(self._label), headers={"Cache-Control": "no-store"})

    async def no_path(self, http: Request, _: Exception) -> Response:
        others = ("/v1/models", "/v1/conversations/NAME", "/health", "/metrics")
        here = ", ".join([*(form.path for form in FORMS), *others])
        return _refusal(404, "not_found", f"no {http.method} {http.url.path} here, only {here}")

    def _no_model(self, name: str) -> JSONResponse:
        return _refusal(404, "model_not_found", f"no model {name!r} here, only {self._label!r}", "model")


def _no_conversation(name: str) -> JSONResponse:
    return _refusal(404, "conversation_not_found", f"no conversation {name!r} is open")


def _refused(error: RefusedError) -> JSONResponse:
    response = _refusal(error.status, error.code, str(error))
    if error.retry_after_s is not None:
        response.headers["retry-after"] = str(math.ceil(error.retry_after_s))
    return response


def _refusal(status: int, code: str, message: str, param: str | None = None) -> JSONResponse:
    kind = {429: "rate_limit_error"}.get(status, "invalid_request_error" if status < 500 else "server_error")
    return _json({"error": error_of(code, message, param, kind)}, status)


def _json(value: object, status: int = 200) -> JSONResponse:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status, headers={"Cache-Control": "no-store"})


def _first_field(error: ValidationError) -> str | None:
    return next((str(problem["loc"][0]) for problem in error.errors() if problem["loc"]), None)
