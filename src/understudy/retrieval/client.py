"""A retriever at the other end of ``POST /retrieve``: ours, or any server of Search-R1's kind.

In: queries. Out: hits, with the scores that the server gave. Connections are kept; every wait has a time-out; temporary
failures (no connection, 429, 502 to 504) are retried a limited number of times, after the server's ``Retry-After`` if
there is one. Other failures raise ``RetrievalError`` with the server's message.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence

import httpx
from pydantic import ValidationError

from understudy.retrieval.config import HttpConfig
from understudy.retrieval.replies import ReplyError, read_reply
from understudy.retrieval.retriever import BadQueryError, Hit, RetrievalError
from understudy.retrieval.wire import MAX_QUERIES, RetrieveRequest

_PASSING = (429, 502, 503, 504)
_REFUSALS = (400, 413, 422)
"""They refuse one query if the server has answered others; else they refuse all our requests."""
_FIRST_PAUSE_S = 0.2


class HttpRetriever:
    """See ``Retriever``."""

    def __init__(self, config: HttpConfig) -> None:
        """Opens no connection yet."""
        self._config = config
        headers = {}
        if config.token_env is not None:
            headers["Authorization"] = f"Bearer {os.environ.get(config.token_env, '')}"
        limits = httpx.Limits(max_connections=512, max_keepalive_connections=512)
        self._client = httpx.Client(timeout=config.timeout_s, headers=headers, limits=limits)
        self._url = f"{config.url.rstrip('/').removesuffix('/retrieve')}/retrieve"
        self._has_answered = False

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``."""
        answers: list[list[Hit]] = []
        for start in range(0, len(queries), MAX_QUERIES):
            answers.extend(self._ask(tuple(queries[start : start + MAX_QUERIES]), k))
        return answers

    def close(self) -> None:
        """Close the connections. Closing twice is fine."""
        self._client.close()

    def _ask(self, queries: tuple[str, ...], k: int) -> list[list[Hit]]:
        try:
            body = RetrieveRequest(queries=queries, topk=k, return_scores=True).model_dump_json().encode()
        except (ValidationError, ValueError) as error:
            raise BadQueryError(f"these queries cannot be sent: {error}") from error
        reply = self._post(body)
        try:
            answers = read_reply(reply, len(queries))
        except ReplyError as error:
            raise RetrievalError(f"{self._url}: {error}") from error
        self._has_answered = True
        return [hits[:k] for hits in answers]

    def _post(self, body: bytes) -> bytes:
        failure = ""
        for attempt in range(self._config.attempts):
            pause_s = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0)
            try:
                response = self._client.post(self._url, content=body, headers={"Content-Type": "application/json"})
            except httpx.TransportError as error:
                failure = f"{type(error).__name__}: {error}"
            else:
                if response.status_code == 200:
                    return response.content
                failure = f"{response.status_code}: {response.text[:500]}"
                if response.status_code in _REFUSALS and self._has_answered:
                    raise BadQueryError(f"{self._url} refused the query ({failure})")
                if response.status_code not in _PASSING:
                    break
                pause_s = max(pause_s, _retry_after_s(response))
            if attempt + 1 < self._config.attempts:
                time.sleep(min(pause_s, self._config.max_pause_s))
        raise RetrievalError(f"{self._url}: no answer after {attempt + 1} attempts ({failure})")


def _retry_after_s(response: httpx.Response) -> float:
    """Seconds that the server asks to wait; 0 if it gives none or a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
