"""Access to the recorder: the token, the recorder's own paths, the upstream's paths.

In: a request's path and headers. Out: what it asks for, or a refusal in OpenAI's form. Not here: forwarding requests.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from understudy.access import same_secret

OWN = "/understudy"
"""Paths below it are the recorder's."""
_VERSION = "/v1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    path: str
    """Without the token."""
    raw_path: bytes
    """As the client sent it, still percent-encoded, without the token."""

    @property
    def is_own(self) -> bool:
        return self.path == OWN or self.path.startswith(f"{OWN}/")

    def url(self, upstream: str, query: bytes) -> str:
        """The URL to which the request is forwarded. ``/v1`` occurs in it once, whether both URLs contain it or only
        one.
        """
        path = self.raw_path.decode("latin-1")
        if upstream.endswith(_VERSION) and path.startswith(f"{_VERSION}/"):
            path = path.removeprefix(_VERSION)
        return f"{upstream}{path}?{query.decode('latin-1')}" if query else f"{upstream}{path}"


class Access:
    """Checks the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def asked(self, scope: dict[str, Any]) -> Asked | None:
        """What is asked for; None if a token is required and the request has none."""
        path: str = scope["path"]
        raw: bytes = scope.get("raw_path") or path.encode()
        raw = raw.partition(b"?")[0]
        if not self._token:
            return Asked(path, raw)
        first, _, rest = path.removeprefix("/").partition("/")
        if self._is_token(first):
            return Asked(f"/{rest}", b"/" + raw.removeprefix(b"/").partition(b"/")[2])
        shown = dict(scope["headers"]).get(b"x-understudy-token", b"").decode("latin-1")
        return Asked(path, raw) if self._is_token(shown) else None

    def _is_token(self, shown: str) -> bool:
        return same_secret(shown, self._token)

    @staticmethod
    def error(code: str, message: str) -> bytes:
        """The body of a refusal."""
        return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()

    @staticmethod
    async def answer(send: Callable[[dict[str, Any]], Awaitable[None]], status: int, body: bytes) -> None:
        """Send a JSON body."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
