"""``understudy index serve``: a retriever over HTTP, wire-compatible with Search-R1's ``POST /retrieve``.

In: a retriever and a ``ServiceConfig``. Out: an ASGI application and ``serve``, which runs it.

* ``POST /retrieve``: see ``wire.py``. 400 for a body that is not such a request, 413 for one too large, 503 with
  ``Retry-After`` when the queue is full, 500 with the reason when the engine failed.
* ``GET /health``: what is served. ``GET /metrics``: counters in Prometheus' text format.

It listens on the loopback interface unless a token is set; then every ``/retrieve`` and ``/metrics`` must carry it.
Written as a bare ASGI function: a web framework costs more here than the search of a cached query.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from understudy.access import is_loopback, same_secret
from understudy.records import Record
from understudy.retrieval.batching import BatchingRetriever, BusyError, Hits, Question
from understudy.retrieval.retriever import RetrievalError
from understudy.retrieval.wire import RetrieveRequest, reply_bytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_RETRY_AFTER_S = 1


class ServiceConfig(Record):
    """Where and how a retriever is served."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free one."""
    token_env: str | None = None
    """Name of the environment variable that holds the bearer token; demanded for any host but loopback."""
    default_k: Annotated[int, Field(ge=1)] = 3
    max_batch: Annotated[int, Field(ge=1)] = 64
    max_waiting: Annotated[int, Field(ge=1)] = 2048
    """Distinct queries in the queue; more are refused with 503."""
    cache_entries: Annotated[int, Field(ge=0)] = 65_536
    max_body_bytes: Annotated[int, Field(ge=1)] = 4_000_000

    @model_validator(mode="after")
    def _token_off_loopback(self) -> Self:
        if not is_loopback(self.host) and self.token_env is None:
            raise ValueError(f"host {self.host!r} is open to others: name a token with token_env, or use 127.0.0.1")
        return self

    def token(self) -> str | None:
        """The token itself. Raises ``ValueError`` if one is named and not set."""
        if self.token_env is None:
            return None
        token = os.environ.get(self.token_env, "")
        if not token:
            raise ValueError(f"the environment variable {self.token_env} (token_env) is not set")
        return token


class _RefusedError(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RetrievalService:
    """The ASGI application. It uses the retriever and does not close it."""

    def __init__(self, retriever: BatchingRetriever, config: ServiceConfig, description: dict[str, str | int]) -> None:
        """``description`` is what ``/health`` reports beside its status."""
        self._retriever = retriever
        self._config = config
        self._token = config.token()
        self._health = json.dumps({"status": "ok", **description}).encode()
        self._n_requests: dict[int, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the start and end of the server."""
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        status = 200
        try:
            body = await self._answer(scope, receive)
        except BusyError as error:
            status, body = 503, _error(str(error))
            headers.append((b"retry-after", str(_RETRY_AFTER_S).encode()))
        except RetrievalError as error:
            status, body = 500, _error(str(error))
        except _RefusedError as refusal:
            status, body = refusal.status, _error(str(refusal))
        self._n_requests[status] = self._n_requests.get(status, 0) + 1
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        method, path = str(scope["method"]), str(scope["path"])
        match method, path:
            case "GET", "/health":
                return self._health
            case "GET", "/metrics":
                self._check_token(scope)
                return self._metrics()
            case "POST", "/retrieve":
                self._check_token(scope)
                return await self._retrieve(await self._body(receive))
            case _, "/health" | "/metrics" | "/retrieve":
                raise _RefusedError(405, f"{method} is not for {path}")
        raise _RefusedError(404, f"there is no {path}: POST /retrieve, GET /health, GET /metrics")

    async def _retrieve(self, body: bytes) -> bytes:
        try:
            request = RetrieveRequest.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise _RefusedError(400, f"{where}: {first['msg']}") from None
        k = request.topk or self._config.default_k
        futures = self._retriever.submit([Question(query, k) for query in request.queries])
        answers = [await _result(future) for future in futures]
        return reply_bytes(answers, return_scores=request.return_scores)

    async def _body(self, receive: Receive) -> bytes:
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _RefusedError(400, "the client went away")
            body += bytes(message.get("body", b""))
            if len(body) > self._config.max_body_bytes:
                raise _RefusedError(413, f"expected at most {self._config.max_body_bytes} bytes")
            if not message.get("more_body", False):
                return body

    def _check_token(self, scope: Scope) -> None:
        if self._token is None:
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if not same_secret(given.decode("latin-1"), f"Bearer {self._token}"):
            raise _RefusedError(401, "expected the header Authorization: Bearer <token>")

    def _metrics(self) -> bytes:
        counters = self._retriever.counters
        lines = [f'understudy_requests_total{{status="{s}"}} {n}' for s, n in sorted(self._n_requests.items())]
        for name in counters.__slots__:
            kind = "" if name == "largest_batch" else "_total"
            lines.append(f"understudy_retrieval_{name}{kind} {getattr(counters, name)}")
        lines.append(f"understudy_retrieval_waiting {self._retriever.n_waiting}")
        return ("\n".join(lines) + "\n").encode()


async def _result(future: Future[Hits]) -> Hits:
    """Wait for the owner's answer without ever cancelling it: others may wait for the same one."""
    if not future.done():
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(_wake, done))
        await done
    return future.result()


def _wake(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()


async def _serve_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
