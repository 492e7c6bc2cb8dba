"""What a request must have before it reaches the agent: the token, a host name of this machine, JSON, a bounded size.

In: an ASGI application. Out: the same behind these checks; answers are counted. On loopback without a token, a page of
another origin must not use the agent: its requests have another origin or are not JSON, and after DNS rebinding they
have another host.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from understudy.access import host_of, is_loopback, same_secret
from understudy.serving.config import ServeAgentConfig
from understudy.serving.metrics import Metrics
from understudy.serving.turn_response import Receive, Scope, Send, error_of

_MAX_BODY_BYTES = 8 * 2**20
_OPEN = frozenset({"/", "/health"})
"""Paths that need no token: the page, which asks for it, and what a load balancer looks at."""


class Guard:
    """The checks, as an ASGI application."""

    def __init__(self, app: Any, config: ServeAgentConfig, metrics: Metrics) -> None:
        self._app = app
        self._token = config.token.get_secret_value()
        self._is_local = is_loopback(config.host)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counting(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count_request(message["status"])
            await send(message)

        problem = self._problem(scope)
        if problem is None:
            await self._app(scope, receive, counting)
        else:
            await _refuse(counting, *problem)

    def _problem(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, code and message of a refusal."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._is_local and not is_loopback(host_of(host)):
            return 403, "wrong_host", f"expected a host name of this machine, got {host!r}"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "wrong_origin", f"pages of {origin} may not use this agent"
        if self._token and scope["path"] not in _OPEN:
            shown = headers.get("authorization", "").removeprefix("Bearer ")
            if not same_secret(shown, self._token):
                return 401, "invalid_api_key", "expected the header Authorization: Bearer TOKEN"
        if scope["method"] == "POST":
            return _body_problem(headers)
        return None


def _body_problem(headers: dict[str, str]) -> tuple[int, str, str] | None:
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":
        return 415, "not_json", f"expected the content type application/json, got {kind or 'none'}"
    length = headers.get("content-length", "")
    if not length.isdigit():
        return 411, "no_length", "expected the header content-length"
    if int(length) > _MAX_BODY_BYTES:
        return 413, "too_large", f"expected at most {_MAX_BODY_BYTES:,} bytes, got {int(length):,}"
    return None


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": error_of(code, message, kind="invalid_request_error")}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
