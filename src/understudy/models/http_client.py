"""Requests to one server of a model, from any number of threads, on connections that stay open.

In: a path and a body. Out: the bytes of a successful answer; ``RefusalError`` for an error that the server answers,
``UnreachableError`` without a whole answer. Not here: retries; what is sent. With hundreds of requests at once,
urllib3 takes a fifth of the CPU time that httpx takes, whose pool visits all connections for each request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

import httpx
import urllib3
from pydantic import JsonValue
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ReadTimeoutError

from understudy.closing import Closing
from understudy.models.refusals import RefusalError
from understudy.proxies import proxy_of

_CONNECT_S = 30.0
_MAX_REDIRECTS = 5
_ACCOUNT_HEADERS = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
"""Environment variables of OpenAI's own clients, for keys that belong to several accounts."""


class UnreachableError(Exception):
    """No whole answer came: no connection, a time-out, or an answer that ended early."""


class HttpClient(Closing):
    """``base_url`` may have a query, such as Azure's ``api-version``, which every request gets."""

    def __init__(self, base_url: str, api_key: str, timeout_s: float, max_connections: int) -> None:
        """``timeout_s``: how long the server may be silent. ``max_connections``: how many are kept open."""
        path, question_mark, query = base_url.partition("?")
        self._base_url = path.rstrip("/")
        self._query = question_mark + query
        self._timeout_s = timeout_s
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "User-Agent": f"understudy/{version('understudy')}",
            **{header: value for name, header in _ACCOUNT_HEADERS.items() if (value := os.environ.get(name))},
        }
        self._pools = _pools(base_url, timeout_s, max_connections)

    def get(self, path: str) -> bytes:
        """Raises ``RefusalError`` and ``UnreachableError``."""
        return self._answer("GET", path, None)

    def post(self, path: str, body: Mapping[str, JsonValue]) -> bytes:
        """``path``: after the base URL, or a whole URL. Raises ``RefusalError`` and ``UnreachableError``."""
        content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return self._answer("POST", path, content.encode(errors="replace"))  # UTF-8 has no half surrogate pairs

    def close(self) -> None:
        """Close all connections."""
        self._pools.clear()

    def _answer(self, method: str, path: str, content: bytes | None) -> bytes:
        url = (self._base_url + path if path.startswith("/") else path) + self._query
        try:
            response = self._pools.request(method, url, body=content, headers=self._headers)
        except HTTPError as error:
            raise UnreachableError(self._reason(error)) from error
        if not 200 <= response.status < 300:
            raise RefusalError(response.status, response.data, response.headers.get("retry-after", ""))
        return response.data

    def _reason(self, error: HTTPError) -> str:
        inner = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        if isinstance(inner, ConnectTimeoutError) and not isinstance(inner, NewConnectionError):
            return f"no connection within {min(_CONNECT_S, self._timeout_s):g} s"
        if isinstance(inner, ReadTimeoutError):
            return f"the server was silent for {self._timeout_s:g} s"
        causes = [each for each in inner.args if isinstance(each, Exception)]
        cause = causes[0] if causes else inner.__cause__ or inner
        return f"{type(cause).__name__}: {cause}"


def _pools(url: str, timeout_s: float, max_connections: int) -> urllib3.PoolManager:
    settings: dict[str, Any] = {
        "maxsize": max_connections,
        "timeout": urllib3.Timeout(connect=min(_CONNECT_S, timeout_s), read=timeout_s),
        "retries": urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=_MAX_REDIRECTS),
        "ssl_context": httpx.create_ssl_context() if url.startswith("https") else None,
    }
    proxy = proxy_of(url)
    if proxy is None:
        return urllib3.PoolManager(**settings)
    if not proxy.startswith(("http://", "https://")):
        raise ValueError(f"{url}: the environment names the proxy {proxy}; expected http:// or https://")
    login = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **settings)
