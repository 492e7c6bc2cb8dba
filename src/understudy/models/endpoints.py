"""The servers behind one model: which one is asked next, what counts as a passing failure, how long to wait.

In: what is to be asked of one server. Out: what the first that answers well says. An endpoint that fails rests,
longer each time, and the others take its share; when all rest, the one that wakes first is asked. One that
keeps failing is said on the log, once, and so is its return.
"""

from __future__ import annotations

import email.utils
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import httpx
import openai
from pydantic import JsonValue

from understudy.models.config import OpenAIChatConfig
from understudy.models.model import ProviderError
from understudy.models.wire import BadReplyError, WireReply, parse_models, parse_reply, parse_tokens

if TYPE_CHECKING:
    from openai import OpenAI

RETRIED_STATUSES = frozenset({408, 409, 425, 429})
"""Beside all of 500 and above."""
LONGEST_REST_S = 30.0
FIRST_WAIT_S = 0.5
"""Before the second attempt; it doubles from one to the next."""
SAID_AFTER_FAILURES = 3
"""In a row: what passes sooner is not worth a line on the log."""

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server."""

    url: str
    client: OpenAI
    n_in_flight: int = 0
    n_failures: int = 0
    """In a row."""
    rests_until: float = 0.0
    """On the monotonic clock."""

    def chat(self, model: str, body: Mapping[str, JsonValue]) -> WireReply:
        """One attempt. ``body`` holds everything but the model's name."""
        # The SDK's own parser differs between its versions and drops what vLLM adds: take the raw reply.
        raw = self.client.chat.completions.with_raw_response.create(model=model, messages=[], extra_body=dict(body))
        return parse_reply(raw.http_response.content)

    def continue_text(self, model: str, body: Mapping[str, JsonValue]) -> WireReply:
        """One attempt at the raw completion endpoint."""
        raw = self.client.completions.with_raw_response.create(model=model, prompt=[], extra_body=dict(body))
        return parse_reply(raw.http_response.content)

    def tokenize(self, model: str, messages: list[JsonValue]) -> tuple[int, ...]:
        """One attempt at having a conversation rendered, as the model would read it before it speaks."""
        url = f"{self.url.rstrip('/').removesuffix('/v1')}/tokenize"
        body = {"model": model, "messages": messages, "add_generation_prompt": True}
        return parse_tokens(self.client.post(url, cast_to=httpx.Response, body=body).content)

    def owner_of(self, model: str) -> str:
        """What the server says it is, for the model or else for the first of its list; empty where it says nothing."""
        models = parse_models(self.client.models.with_raw_response.list().http_response.content).data
        owners = [entry.owned_by for entry in models if entry.id == model] or [entry.owned_by for entry in models]
        return owners[0] if owners else ""


class Endpoints:
    """All servers of a model. Safe to use from many threads."""

    def __init__(self, config: OpenAIChatConfig, api_key: str) -> None:
        self._config = config
        self._all = [
            Endpoint(url, openai.OpenAI(base_url=url, api_key=api_key, timeout=config.timeout_s, max_retries=0))
            for url in config.base_urls
        ]
        self._in_flight = threading.BoundedSemaphore(config.max_in_flight)
        self._lock = threading.Lock()

    def ask(self, attempt_at: Callable[[Endpoint], ResultT]) -> ResultT:
        """Try until it goes well. Raises ``ProviderError`` when the retries are used up, and refusals as they are."""
        n_failed = 0
        while True:
            try:
                with self._in_flight, self.take() as endpoint:
                    return attempt_at(endpoint)
            except (openai.APIConnectionError, openai.APIStatusError, BadReplyError) as error:
                if not is_passing(error):
                    raise
                n_failed += 1
                if n_failed > self._config.max_retries:
                    raise ProviderError(
                        f"{self._config.model} at {', '.join(self._config.base_urls)}: gave up after {n_failed} "
                        f"attempts; the last one: {type(error).__name__}: {error}"
                    ) from error
                wait_s = self._wait_s(error, n_failed)
            time.sleep(wait_s)

    @contextmanager
    def take(self) -> Iterator[Endpoint]:
        """Lend the endpoint with the fewest requests among those that do not rest, and note how it does."""
        with self._lock:
            now = time.monotonic()
            awake = [endpoint for endpoint in self._all if endpoint.rests_until <= now]
            chosen = (
                min(awake, key=lambda endpoint: endpoint.n_in_flight)
                if awake
                else min(self._all, key=lambda endpoint: endpoint.rests_until)
            )
            chosen.n_in_flight += 1
        try:
            yield chosen
        except Exception as error:
            self._note_failure(chosen, error)
            raise
        else:
            self._note_success(chosen)
        finally:
            with self._lock:
                chosen.n_in_flight -= 1

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._all:
            endpoint.client.close()

    def _wait_s(self, error: Exception, n_failed: int) -> float:
        """Before the next attempt of a request."""
        now = time.monotonic()
        if len(self._all) > 1 and any(endpoint.rests_until <= now for endpoint in self._all):
            return with_jitter(0.02)  # it goes to another endpoint, which need not be waited for
        longest_s = self._config.max_retry_wait_s
        asked = retry_after_s(error)
        return with_jitter(min(longest_s, FIRST_WAIT_S * 2 ** min(n_failed - 1, 16) if asked is None else asked))

    def _note_failure(self, endpoint: Endpoint, error: Exception) -> None:
        if not is_passing(error):
            return
        with self._lock:
            endpoint.n_failures += 1
            n_failures = endpoint.n_failures
            if len(self._all) > 1:  # a lone server is never rested: one request's failure says little about the next
                rest_s = min(LONGEST_REST_S, FIRST_WAIT_S * 2 ** min(n_failures, 8))
                endpoint.rests_until = time.monotonic() + max(rest_s, retry_after_s(error) or 0.0)
        if n_failures == SAID_AFTER_FAILURES:
            _log.warning("%s fails (%s: %s); it is tried again", endpoint.url, type(error).__name__, error)

    def _note_success(self, endpoint: Endpoint) -> None:
        with self._lock:
            n_failures, endpoint.n_failures = endpoint.n_failures, 0
        if n_failures >= SAID_AFTER_FAILURES:
            _log.warning("%s answers again after %d failures", endpoint.url, n_failures)


def is_passing(error: Exception) -> bool:
    """Whether another attempt may go well."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in RETRIED_STATUSES or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError | BadReplyError)


def retry_after_s(error: Exception) -> float | None:
    """What the server asks for, in seconds from now; None where it asks for nothing that can be read."""
    if not isinstance(error, openai.APIStatusError):
        return None
    value = str(error.response.headers.get("retry-after", "")).strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def with_jitter(wait_s: float) -> float:
    """A little longer than asked for, so that those who were sent away together do not come back together."""
    return wait_s * (1 + 0.25 * random.random())
