"""Connections to the upstream.

In: requests of clients. Out: the upstream's answers as they come, their bytes and headers unchanged. Idle connections
are used again. Not here: what is sent; what is stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx

from understudy.proxies import proxy_of

if TYPE_CHECKING:
    from aiohttp import ClientResponse

Headers = Sequence[tuple[bytes, bytes]]

_KEPT_ALIVE_S = 4.0
"""Shorter than servers keep idle connections, so that no server closes one while it is being used again."""
_CONNECT_S = 30.0
_LONGEST_HEADER = 1 << 16
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that are sent only if the client sent them."""


class UpstreamError(Exception):
    """The upstream cannot be reached, or ended its answer early."""


class Upstream:
    """Sends requests to one server. It belongs to one event loop, in which it is made, and has to be closed."""

    def __init__(self, url: str) -> None:
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        self._session = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=_KEPT_ALIVE_S, ssl=httpx.create_ssl_context()),
            # The client decides how long an answer may take.
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            # With ``trust_env``, aiohttp would read the environment and ~/.netrc in a thread before every request, and
            # refuse a request with a key if ~/.netrc has one too.
            proxy=proxy_of(url),
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )

    @asynccontextmanager
    async def answer(
        self, method: str, url: str, headers: Headers, body: bytes | AsyncIterator[bytes] | None
    ) -> AsyncIterator[ClientResponse]:
        """Send a request; yields the answer when its head is there. Raises ``UpstreamError``, also while it is read."""
        from aiohttp import ClientError
        from yarl import URL

        pairs = [(_text(name), _text(value)) for name, value in headers]
        asking = self._session.request(method, URL(url, encoded=True), headers=pairs, data=body, allow_redirects=False)
        try:
            async with asking as response:
                yield response
        except (ClientError, OSError) as error:
            raise UpstreamError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the connections; no request is under way."""
        await self._session.close()


def _text(value: bytes) -> str:
    """A header as text: aiohttp writes it as UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
