"""Connections to the upstream.

In: requests under way. Out: an HTTP client for each, which later requests use again. httpx looks at every connection of
a client for each request; with 64 under way that alone costs more than the rest of a request, so each client has one.
Not here: what is sent.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

_KEPT_ALIVE_S = 4.0
"""Shorter than servers keep idle connections, so that none is closed by them just as it is used again."""
_CONNECT_S = 30.0
_IDLE_S = 30.0
"""How long a client without a request is kept."""


class Upstream:
    """Clients that wait for requests. It belongs to one event loop and has to be closed."""

    def __init__(self) -> None:
        self._verify = httpx.create_ssl_context()
        self._idle: deque[tuple[float, httpx.AsyncClient]] = deque()
        """With the time of their last request, the longest idle first."""

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client for one request, until its answer is closed."""
        client = self._idle.pop()[1] if self._idle else self._opened()
        try:
            yield client
        finally:
            self._idle.append((time.monotonic(), client))
            since, longest_idle = self._idle[0]
            if time.monotonic() - since > _IDLE_S:
                self._idle.popleft()
                await longest_idle.aclose()

    async def close(self) -> None:
        """Close the connections; no request is under way."""
        while self._idle:
            await self._idle.pop()[1].aclose()

    def _opened(self) -> httpx.AsyncClient:
        # How long an answer may take is the client's to say.
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=1, keepalive_expiry=_KEPT_ALIVE_S)
        return httpx.AsyncClient(verify=self._verify, limits=limits, timeout=timeout)
