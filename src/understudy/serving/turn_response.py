"""One turn over HTTP: it runs in a thread, its events are sent as they come, and a client that goes away stops it.

In: a turn and the form of its reply. Out: an ASGI response, streamed or whole; errors in OpenAI's form. Not here: the
forms of replies, which turn it is.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol

from pydantic import JsonValue

from understudy.records import ConversationEnd, StopReason
from understudy.serving.asked import Asked
from understudy.serving.conversation import Turn
from understudy.serving.events import Event

Scope = Any
Receive = Callable[[], Any]
Send = Callable[[Any], Any]
KEEP_ALIVE_S = 10.0
"""A stream that has nothing to say sends a comment this often, so that no proxy closes it."""
_JSON = b"application/json"


class Stream(Protocol):
    """The chunks of a streamed reply."""

    def begin(self) -> Iterator[str]: ...
    def event(self, event: Event) -> Iterator[str]: ...
    def end(self) -> Iterator[str]: ...
    def failure(self, error: dict[str, JsonValue]) -> Iterator[str]: ...


class Form(Protocol):
    """A request in one of the protocols, and its replies."""

    @property
    def model(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    def asked(self, name: str) -> Asked: ...
    def reply(self, turn: Turn, events: Sequence[Event], shown: bool) -> dict[str, JsonValue]: ...
    def stream_of(self, turn: Turn, shown: bool) -> Stream: ...


class TurnResponse:
    """An ASGI response that runs a turn."""

    def __init__(
        self, form: Form, turn: Turn, pool: Executor, end_turn: Callable[[Turn], None], *, shown: bool
    ) -> None:
        """``end_turn``: called in the turn's thread after it has run."""
        self._form, self._turn, self._pool, self._end_turn = form, turn, pool, end_turn
        self._shown = shown
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self.status = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Run the turn and answer. If the client goes away, the turn is stopped and its conversation ends."""
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._pool, self._run, loop)
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            if self._form.stream:
                await self._stream(gone, send)
            else:
                await self._whole(gone, send)
        finally:
            gone.cancel()
            if not self._turn.is_over.is_set():
                self._turn.stop(ConversationEnd.DISCONNECTED)
        await running

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the turn's thread. The client is answered when the state of the conversation is stored."""

        def tell(event: Event | None) -> None:
            loop.call_soon_threadsafe(self._events.put_nowait, event)

        try:
            self._turn.run(tell)
        except Exception:  # the turn stores the error, the client gets it, and the conversation ends
            pass
        finally:
            try:
                self._end_turn(self._turn)
            finally:
                tell(None)

    async def _stream(self, gone: asyncio.Future[None], send: Send) -> None:
        stream = self._form.stream_of(self._turn, self._shown)
        await send({"type": "http.response.start", "status": 200, "headers": self._headers(b"text/event-stream")})
        await _send_all(send, stream.begin())
        while True:
            event = await self._next(gone, KEEP_ALIVE_S)
            if isinstance(event, TimeoutError):
                await _send_all(send, [": the agent works\n\n"])
            elif event is None:
                break
            else:
                await _send_all(send, stream.event(event))
        if gone.done():
            return
        failed = failure_of(self._turn)
        await _send_all(send, stream.end() if failed is None else stream.failure(failed[1]))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _whole(self, gone: asyncio.Future[None], send: Send) -> None:
        events: list[Event] = []
        while (event := await self._next(gone, None)) is not None:
            if not isinstance(event, TimeoutError):
                events.append(event)
        if gone.done():
            return
        failed = failure_of(self._turn)
        if failed is None:
            body: dict[str, Any] = self._form.reply(self._turn, events, self._shown)
        else:
            self.status, body = failed[0], {"error": failed[1]}
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = [*self._headers(_JSON), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _next(self, gone: asyncio.Future[None], timeout_s: float | None) -> Event | TimeoutError | None:
        """The next event; None at the end of the turn, or if the client has gone."""
        waiting: asyncio.Future[Event | None] = asyncio.ensure_future(self._events.get())
        awaited: set[asyncio.Future[Any]] = {waiting, gone}
        done, _ = await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            return waiting.result()
        waiting.cancel()
        return None if gone in done else TimeoutError()

    def _headers(self, kind: bytes) -> list[tuple[bytes, bytes]]:
        conversation = self._turn.conversation
        return [
            (b"content-type", kind),
            (b"cache-control", b"no-store"),
            (b"x-understudy-conversation", (conversation.name or conversation.id).encode()),
        ]


def failure_of(turn: Turn) -> tuple[int, dict[str, JsonValue]] | None:
    """Status and error of a turn that failed; None for one that has an answer or met a limit."""
    result = turn.result
    if turn.has_crashed:
        return 500, error_of("agent_failed", result.error)
    if turn.is_late and result.stop_reason is StopReason.STOPPED:
        return 504, error_of("turn_timeout", f"the turn was stopped, because it took longer than {turn.limit_s:g} s")
    match result.stop_reason:
        case StopReason.CONTEXT_FULL:
            return 400, error_of("context_length_exceeded", result.error, "messages", "invalid_request_error")
        case StopReason.PROVIDER:
            return 503, error_of("model_unavailable", result.error)
        case StopReason.SANDBOX:
            return 503, error_of("tools_unavailable", result.error)
    return None


def error_of(code: str, message: str, param: str | None = None, kind: str = "server_error") -> dict[str, JsonValue]:
    """An error in OpenAI's form."""
    return {"message": message or code, "type": kind, "param": param, "code": code}


async def _send_all(send: Send, chunks: Iterator[str] | Sequence[str]) -> None:
    body = "".join(chunks)
    if body:
        await send({"type": "http.response.body", "body": body.encode(), "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
