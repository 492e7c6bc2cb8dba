"""The servers of one model: which one gets the next request, which failures are temporary, how long to wait. In: a
request to one server. Out: the first successful answer. A failing endpoint is skipped, for longer each time, and the
others take its share; if all are skipped, the one whose pause ends first is used. The log says once that an endpoint
keeps failing, and once that it works again.
"""

from __future__ import annotations

import email.utils
import logging
import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import JsonValue

from understudy.models.config import OpenAIChatConfig
from understudy.models.dialect import LIMITS, Dialect
from understudy.models.envelopes import BadReplyError
from understudy.models.http_client import HttpClient, UnreachableError
from understudy.models.model import ProviderError
from understudy.models.refusals import RefusalError
from understudy.models.wire import WireReply, parse_owner, parse_reply, parse_tokens

LONGEST_REST_S = 30.0
FIRST_WAIT_S = 0.5
"""The wait before the second attempt; it doubles with each further attempt."""
SAID_AFTER_FAILURES = 3
"""Failures in a row before the log mentions them."""
MAX_CHANGES = 12
"""Refused parameters of one request, after which the server is considered broken."""

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT")


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server."""

    url: str
    client: HttpClient
    dialect: Dialect = field(default_factory=Dialect)
    """Replaced under the lock when a refusal changes what is known."""
    n_in_flight: int = 0
    n_failures: int = 0
    """Failures in a row."""
    rests_until: float = 0.0
    """Time on the monotonic clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def complete(self, path: str, body: Mapping[str, JsonValue], fixed: Set[str] = frozenset()) -> WireReply:
        """One attempt at ``chat/completions`` or ``completions``.

        If a refusal names a parameter, the request is sent again in a form that this server accepts; the form is
        remembered if that succeeds. ``fixed``: parameters that stay as they are, since the user chose them.
        """
        dialect = self.dialect
        for _ in range(MAX_CHANGES):
            sent = dialect.adapt(body, fixed)
            try:
                reply = parse_reply(self.client.post(f"/{path}", sent))
            except RefusalError as refusal:
                changed = dialect.after(refusal, sent, fixed) or dialect.without_schema(refusal, sent, fixed)
                if changed is None or changed == dialect:
                    if refusal.is_full_context:
                        self._learn(dialect)
                    raise
                dialect = changed
            else:
                self._learn(dialect)
                return reply
        raise BadReplyError(f"{self.url} refuses one parameter after another: {'; '.join(dialect.notes.values())}")

    def tokenize(self, conversation: dict[str, JsonValue]) -> tuple[int, ...]:
        """One attempt to let the server render a conversation into the prompt's token ids."""
        body: dict[str, JsonValue] = {**conversation, "add_generation_prompt": True}
        root = self.url.partition("?")[0].rstrip("/").removesuffix("/v1")
        return parse_tokens(self.client.post(f"{root}/tokenize", body))

    def owner_of(self, model: str) -> str:
        """The server's own statement of what it is, for the model or else for the first model of its list; empty
        without one.
        """
        return parse_owner(self.client.get("/models"), model)

    def _learn(self, dialect: Dialect) -> None:
        with self._lock:
            new = [note for what, note in dialect.notes.items() if what not in self.dialect.notes]
            if not new:
                return
            self.dialect = dialect
        for note in new:
            _log.warning("%s: %s", self.url, note)


class Endpoints:
    """All servers of a model. Safe to use from many threads."""

    def __init__(self, config: OpenAIChatConfig, api_key: str) -> None:
        self._config = config
        self._all = [_endpoint(url, config, api_key) for url in config.base_urls]
        self._in_flight = threading.BoundedSemaphore(config.max_in_flight)
        self._lock = threading.Lock()

    def ask(self, attempt_at: Callable[[Endpoint], ResultT]) -> ResultT:
        """Retry until a request succeeds. Raises ``ProviderError`` when the retries are used up; refusals are raised at
        once.
        """
        n_failed = 0
        while True:
            try:
                with self._in_flight, self.take() as endpoint:
                    return attempt_at(endpoint)
            except (UnreachableError, RefusalError, BadReplyError) as error:
                if not is_passing(error):
                    raise
                n_failed += 1
                if n_failed > self._config.max_retries:
                    raise ProviderError(
                        f"{self._config.model} at {', '.join(self._config.base_urls)}: gave up after {n_failed} "
                        f"attempts; the last one: {_error_text(error)}"
                    ) from error
                wait_s = self._wait_s(error, n_failed)
            time.sleep(wait_s)

    @contextmanager
    def take(self) -> Iterator[Endpoint]:
        """Yield the endpoint with the fewest requests among those that are not paused, and record its success or
        failure.
        """
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
            return with_jitter(0.02)  # the request goes to another endpoint, for which there is no wait
        longest_s = self._config.max_retry_wait_s
        asked = retry_after_s(error)
        return with_jitter(min(longest_s, FIRST_WAIT_S * 2 ** min(n_failed - 1, 16) if asked is None else asked))

    def _note_failure(self, endpoint: Endpoint, error: Exception) -> None:
        if not is_passing(error):
            return
        with self._lock:
            endpoint.n_failures += 1
            n_failures = endpoint.n_failures
            if (
                len(self._all) > 1
            ):  # a single server is never skipped: the failure of one request says little about the next
                rest_s = min(LONGEST_REST_S, FIRST_WAIT_S * 2 ** min(n_failures, 8))
                endpoint.rests_until = time.monotonic() + max(rest_s, retry_after_s(error) or 0.0)
        if n_failures == SAID_AFTER_FAILURES:
            _log.warning("%s fails (%s); retrying", endpoint.url, _error_text(error))

    def _note_success(self, endpoint: Endpoint) -> None:
        with self._lock:
            n_failures, endpoint.n_failures = endpoint.n_failures, 0
        if n_failures >= SAID_AFTER_FAILURES:
            _log.warning("%s answers again after %d failures", endpoint.url, n_failures)


def is_passing(error: Exception) -> bool:
    """Whether another attempt may succeed."""
    if isinstance(error, RefusalError):
        return error.is_passing and not error.is_full_context
    return isinstance(error, UnreachableError | BadReplyError)


def retry_after_s(error: Exception) -> float | None:
    """The wait that the server asks for, in seconds; None without a valid value."""
    value = error.retry_after.strip() if isinstance(error, RefusalError) else ""
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
    """A little longer than requested, so that clients that were refused together do not retry together."""
    return wait_s * (1 + 0.25 * random.random())


def _endpoint(url: str, config: OpenAIChatConfig, api_key: str) -> Endpoint:
    client = HttpClient(url, api_key, config.timeout_s, config.max_in_flight)
    # OpenAI's newer models refuse max_tokens; this saves the one request that would show it.
    is_openai = urllib.parse.urlsplit(url).hostname == "api.openai.com"
    return Endpoint(url, client, Dialect(limit=LIMITS[int(is_openai)]))


def _error_text(error: Exception) -> str:
    return str(error) if isinstance(error, RefusalError | UnreachableError) else f"{type(error).__name__}: {error}"
