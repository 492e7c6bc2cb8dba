"""Shadow mode: a share of the conversations is also sent to a second model, whose replies are stored with the real
ones.

In: exchanges that the upstream has answered. Out: lines ``{shadow_of, conversation, model, status, response}`` in the
same log. A shadow request follows the real answer and never delays or changes it: at most ``at_once`` requests run and
at most ``waiting`` wait; further ones are dropped and counted. The choice of conversations depends on their names, or
on the messages before the model's first reply, so a conversation is shadowed completely or not at all. The client's
keys and headers are never sent to the shadow. Not here: comparing the replies.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from understudy.recorder.access import Asked
from understudy.recorder.config import ShadowConfig
from understudy.recorder.exchange import Exchange, body_of, shadow_line
from understudy.recorder.keeping import Keeper

_ONLY_OF_STREAMS = ("stream", "stream_options")
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A request that is sent to the shadow."""

    exchange: Exchange
    conversation: str
    body: dict[str, Any]


class Shadow:
    """Sends requests to the second model. ``start`` and ``close`` belong to one event loop."""

    def __init__(self, config: ShadowConfig, keeper: Keeper) -> None:
        self._config, self._keeper = config, keeper
        self._queue: asyncio.Queue[_Chosen] = asyncio.Queue(config.waiting)
        self._choosing: set[asyncio.Task[None]] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._n_under_way = 0
        self._n_answered = self._n_failed = self._n_dropped = 0

    def start(self) -> None:
        """Begin to send what is offered."""
        self._workers = [asyncio.ensure_future(self._work()) for _ in range(self._config.at_once)]

    def offer(self, exchange: Exchange) -> None:
        """Take a complete exchange, or drop it; this neither waits nor raises."""
        if exchange.status != httpx.codes.OK or not exchange.complete:
            return
        if len(self._choosing) >= self._config.waiting:
            self._n_dropped += 1
            return
        task = asyncio.ensure_future(self._choose(exchange))
        self._choosing.add(task)
        task.add_done_callback(self._choosing.discard)

    def figures(self) -> dict[str, Any]:
        """The numbers of answered, failed and dropped requests."""
        return {
            "answered": self._n_answered,
            "failed": self._n_failed,
            "dropped": self._n_dropped,
            "waiting": self._queue.qsize() + self._n_under_way,
        }

    async def close(self) -> None:
        """Stop now; waiting requests are dropped."""
        self._n_dropped += self._queue.qsize() + self._n_under_way + len(self._choosing)
        for task in (*self._choosing, *self._workers):
            task.cancel()
        await asyncio.gather(*self._choosing, *self._workers, return_exceptions=True)

    async def _choose(self, exchange: Exchange) -> None:
        chosen = await asyncio.to_thread(_chosen, exchange, self._config)
        if chosen is None:
            return
        try:
            self._queue.put_nowait(chosen)
        except asyncio.QueueFull:
            self._n_dropped += 1

    async def _work(self) -> None:
        key = self._config.key.get_secret_value()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(timeout=None, headers=headers, trust_env=False) as client:
            while True:
                chosen = await self._queue.get()
                self._n_under_way += 1
                await self._ask(client, chosen)
                self._n_under_way -= 1

    async def _ask(self, client: httpx.AsyncClient, chosen: _Chosen) -> None:
        started, clock = time.time(), time.monotonic()
        status, content, error = 0, b"", ""
        url = Asked(chosen.exchange.endpoint, chosen.exchange.endpoint.encode()).url(self._config.url, b"")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                answer = await client.post(url, json=chosen.body)
                status, content = answer.status_code, answer.content
        except TimeoutError:
            error = f"no answer within {self._config.timeout_s:g} s"
        except Exception as raised:  # whatever it is, it is stored and counted, and the worker continues
            error = f"{type(raised).__name__}: {raised}"[:_LONGEST_ERROR]
        if status == httpx.codes.OK:
            self._n_answered += 1
        else:
            self._n_failed += 1
        about = {
            "id": uuid.uuid4().hex,
            "timestamp": round(started, 3),
            "shadow_of": chosen.exchange.id,
            "conversation": chosen.conversation,
            "model": str(chosen.body.get("model", "")),
            "status": status,
            "duration_s": round(time.monotonic() - clock, 4),
            **({"error": error} if error else {}),
        }
        await self._keeper.keep_line(lambda: shadow_line(about, content, chosen.exchange.secrets))


def _chosen(exchange: Exchange, config: ShadowConfig) -> _Chosen | None:
    """The body for the second model; None for a conversation that is not shadowed."""
    body = body_of(exchange.request, exchange.request_encoding)
    if not isinstance(body, dict):
        return None
    conversation = exchange.conversation or _beginning(body)
    digest = hashlib.sha256(conversation.encode()).digest()
    if int.from_bytes(digest[:8], "big") >= config.share * 2**64:
        return None
    sent = {key: value for key, value in body.items() if key not in _ONLY_OF_STREAMS}
    if config.model:
        sent["model"] = config.model
    return _Chosen(exchange, conversation, sent)


def _beginning(body: dict[str, Any]) -> str:
    """A name for a conversation without one: the digest of the messages before the model's first reply.

    The system message is excluded, since agents write the time into it.
    """
    held = body.get("messages", body.get("input"))
    if isinstance(held, list):
        before: list[Any] = []
        for message in held:
            if not isinstance(message, dict) or message.get("role") not in ("system", "developer", "user"):
                break
            if message["role"] == "user":
                before.append(message.get("content"))
        held = before
    return hashlib.sha256(repr(held).encode("utf-8", "replace")).hexdigest()[:16]
