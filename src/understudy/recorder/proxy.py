"""The proxy as an ASGI application: it forwards requests and answers, and keeps a copy.

In: HTTP requests of agents. Out: the upstream's answers, byte for byte. Headers that concern a single connection are
not forwarded, and answers are requested in encodings that can be read (gzip, deflate, none). If the upstream cannot be
reached, the answer is a 502 with an error in OpenAI's form; if it breaks off an answer, the answer is broken off here
too. Not here: files.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from understudy.recorder.access import Access, Asked
from understudy.recorder.exchange import Exchange
from understudy.recorder.keeping import Keeper
from understudy.recorder.shadow import Shadow
from understudy.recorder.streams import StreamEnd
from understudy.recorder.upstream import Upstream, UpstreamError

if TYPE_CHECKING:
    from aiohttp import ClientResponse

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

RECORDED = ("/chat/completions", "/responses")
"""Ends of the paths that are recorded."""
_OF_THE_CONNECTION = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_READABLE = frozenset({"gzip", "deflate", "identity"})
_IDS, _NUMBERS = uuid.uuid4().hex[:16], itertools.count()
"""Identifiers of exchanges: a random part for the process and a counter, because each random number costs a system
call.
"""
_SECRETS = (b"authorization", b"api-key", b"x-api-key", b"cookie", b"x-goog-api-key")


class UpstreamBrokeOffError(Exception):
    """The upstream ended its answer early; the server then closes the client's connection as well."""


class Proxy:
    """Forwards requests and answers, and keeps a copy of both."""

    def __init__(self, upstream: str, connections: Upstream, keeper: Keeper, shadow: Shadow | None = None) -> None:
        self._upstream, self._connections, self._keeper, self._shadow = upstream, connections, keeper, shadow

    async def forward(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ``UpstreamBrokeOffError`` after the beginning of an answer was sent."""
        is_recorded = scope["method"] == "POST" and asked.path.rstrip("/").endswith(RECORDED)
        content: bytes | AsyncIterator[bytes]
        if is_recorded:
            body = await _whole_body(receive)
            if body is None:  # the client left before it sent its request
                return
            content = body
        else:
            body, content = b"", _body_parts(receive)
        kept = _Kept(asked, scope["headers"], body) if is_recorded else None
        url = asked.url(self._upstream, scope["query_string"])
        sent = content if is_recorded or _has_body(scope["headers"]) else None
        answer = self._connections.answer(scope["method"], url, sent_on(scope["headers"]), sent)
        relay = asyncio.ensure_future(self._relay(answer, send, kept))
        # While a body is read, its reader notices if the client leaves; no second listener may read at the same time.
        gone = asyncio.ensure_future(_until_gone(receive)) if is_recorded else relay
        try:
            await asyncio.wait({relay, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in {relay, gone}:
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        if not relay.cancelled():
            relay.result()

    async def _relay(self, answer: AbstractAsyncContextManager[ClientResponse], send: Send, kept: _Kept | None) -> None:
        has_begun = complete = False
        try:
            async with answer as response:
                has_begun = True
                try:
                    await self._pass_on(response, send, kept)
                    complete = True
                finally:
                    await asyncio.shield(self._keep(kept, complete=complete))
        except UpstreamError as error:
            if has_begun:
                raise UpstreamBrokeOffError(str(error)) from error
            await self._refuse(error, send, kept)
        except asyncio.CancelledError:
            await self._keep(kept, complete=False)
            raise

    async def _pass_on(self, response: ClientResponse, send: Send, kept: _Kept | None) -> None:
        if kept is not None:
            kept.begin(response)
        await send({"type": "http.response.start", "status": response.status, "headers": sent_back(response)})
        async for chunk in response.content.iter_any():
            if kept is not None and kept.ends_with(chunk):
                await self._keep(kept, complete=True)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._keep(kept, complete=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _refuse(self, error: UpstreamError, send: Send, kept: _Kept | None) -> None:
        message = f"understudy record: {self._upstream} cannot be reached: {error}"
        body = Access.error("upstream_unreachable", message)
        if kept is not None:
            kept.status = 502
            kept.answer += body
            await self._keep(kept, complete=False)
        await Access.answer(send, 502, body)

    async def _keep(self, kept: _Kept | None, *, complete: bool) -> None:
        """Store once; the answer is sent whether or not this succeeds."""
        if kept is None or kept.is_stored:
            return
        kept.is_stored = True
        exchange = kept.exchange(complete=complete)
        await self._keeper.keep(exchange)
        if self._shadow is not None:
            self._shadow.offer(exchange)


class _Kept:
    """The copy of one exchange as it grows."""

    def __init__(self, asked: Asked, headers: Headers, request: bytes) -> None:
        self.answer = bytearray()
        self.status = 0
        self.is_stored = False
        self._asked, self._headers, self._request = asked, dict(headers), request
        self._started, self._clock = time.time(), time.monotonic()
        self._response: Mapping[str, str] = {}
        """The answer's headers; names in any case."""
        self._expected: int | None = None
        self._end = StreamEnd()

    def begin(self, response: ClientResponse) -> None:
        self.status, self._response = response.status, response.headers
        length = response.headers.get("content-length", "")
        self._expected = int(length) if length.isdecimal() else None

    def ends_with(self, chunk: bytes) -> bool:
        """Whether the client may consider the answer complete once it has this chunk."""
        self.answer += chunk
        if self._expected is not None:
            return len(self.answer) >= self._expected
        return self._is_stream and self._end.seen_in(chunk)

    @property
    def _is_stream(self) -> bool:
        return "text/event-stream" in self._response.get("content-type", "")

    def exchange(self, *, complete: bool) -> Exchange:
        return Exchange(
            id=f"{_IDS}{next(_NUMBERS):016x}",
            endpoint=self._asked.path,
            started_at=self._started,
            duration_s=time.monotonic() - self._clock,
            status=self.status,
            complete=complete,
            request=self._request,
            response=bytes(self.answer),
            is_stream=self._is_stream,
            request_encoding=self._text(b"content-encoding"),
            response_encoding=self._response.get("content-encoding", "").strip().lower(),
            conversation=self._text(b"x-understudy-conversation"),
            client=self._text(b"x-understudy-client"),
            secrets=tuple(_secret(self._text(name)) for name in _SECRETS if name in self._headers),
        )

    def _text(self, name: bytes) -> str:
        return self._headers.get(name, b"").decode("latin-1").strip()


def _secret(value: str) -> str:
    scheme, _, rest = value.partition(" ")
    return rest.strip() if rest and scheme.lower() in ("bearer", "basic") else value


def sent_on(headers: Headers) -> Headers:
    """The request's headers for the upstream, in their order; ``host`` follows from the URL."""
    left_out = _OF_THE_CONNECTION | {b"host"}
    passed = [(k, v) for k, v in headers if k.lower() not in left_out and not k.lower().startswith(b"x-understudy-")]
    return [(k, _readable(v)) if k.lower() == b"accept-encoding" else (k, v) for k, v in passed]


def sent_back(response: ClientResponse) -> Headers:
    """The answer's headers for the client."""
    return [(k.lower(), v) for k, v in response.raw_headers if k.lower() not in _OF_THE_CONNECTION]


def _readable(value: bytes) -> bytes:
    asked = [one.strip() for one in value.decode("latin-1").split(",")]
    return ", ".join(one for one in asked if one.partition(";")[0].strip() in _READABLE).encode() or b"identity"


def _has_body(headers: Headers) -> bool:
    names = {name.lower() for name, _ in headers}
    return b"transfer-encoding" in names or b"content-length" in names


async def _whole_body(receive: Receive) -> bytes | None:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _body_parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
