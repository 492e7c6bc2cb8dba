"""A recorder that runs until it is stopped.

In: a ``RecorderConfig``. Out: a server. Not here: the handling of requests.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.extras import require
from understudy.recorder.access import Access
from understudy.recorder.app import RecorderApp
from understudy.recorder.config import RecorderConfig
from understudy.recorder.keeping import Keeper
from understudy.recorder.proxy import Proxy
from understudy.recorder.shadow import Shadow
from understudy.recorder.store import Store
from understudy.recorder.upstream import Upstream

if TYPE_CHECKING:
    import uvicorn

_KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none is closed here while a client is using it again."""
_GRACE_S = 30
"""How long running answers may take after Ctrl-C."""


def record(config: RecorderConfig, *, say: Callable[[str], None] = print) -> None:
    """Serve until Ctrl-C or SIGTERM; running answers are completed.

    Raises ``MissingExtraError``, ``StoreError``, ``OSError`` for a port in use.
    """
    with _recorder(config, say) as (serving, url):
        token = "/TOKEN" if config.token.get_secret_value() else ""
        say(f"recording {config.upstream} to {config.folder}: set your agent's base URL to {url}{token}/v1")
        with _quiet_end():
            serving.run()


@contextmanager
def recording(config: RecorderConfig, *, say: Callable[[str], None] = print) -> Iterator[str]:
    """Serve in a thread of this process; yields the URL, without ``/v1``. Raises the errors of ``record``."""
    with _recorder(config, say) as (serving, url):
        thread = threading.Thread(target=serving.run, name="understudy-recorder", daemon=True)
        thread.start()
        try:
            yield url
        finally:
            serving.server.should_exit = True
            thread.join()


@contextmanager
def _quiet_end() -> Iterator[None]:
    """The server ends on these signals and raises them again afterwards, when nothing is left to end."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Serving:
    config: RecorderConfig
    listening: socket.socket
    keeper: Keeper
    say: Callable[[str], None]
    server: uvicorn.Server = field(init=False)
    _app: RecorderApp | None = None

    def __post_init__(self) -> None:
        import uvicorn

        settings = uvicorn.Config(
            self._answer,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self.server = uvicorn.Server(settings)

    def run(self) -> None:
        with asyncio.Runner(loop_factory=self.server.config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        config = self.config
        connections = Upstream(config.upstream)
        shadow = None if config.shadow is None else Shadow(config.shadow, self.keeper)
        proxy = Proxy(config.upstream, connections, self.keeper, shadow)
        self._app = RecorderApp(proxy, self.keeper, Access(config.token.get_secret_value()), shadow)
        if shadow is not None:
            shadow.start()
        await self.server.serve(sockets=[self.listening])
        await connections.close()
        if shadow is not None:
            await shadow.close()
            figures = ", ".join(f"{name} {count}" for name, count in shadow.figures().items() if name != "waiting")
            self.say(f"shadow: {figures}")

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)


@contextmanager
def _recorder(config: RecorderConfig, say: Callable[[str], None]) -> Iterator[tuple[_Serving, str]]:
    require("serve", "understudy record", "uvicorn")
    with (
        socket.create_server((config.host, config.port), backlog=1024) as listening,
        Store(config.folder, max_bytes=config.max_bytes, segment_bytes=config.segment_bytes) as store,
    ):
        for repair in store.repairs:
            say(repair)
        keeper = Keeper(store, patience_s=config.patience_s, say=say)
        host, port = listening.getsockname()[:2]
        try:
            yield _Serving(config, listening, keeper, say), f"http://{host}:{port}"
        finally:
            keeper.close()
            figures = keeper.figures()
            say(f"stopped; stored: {figures['stored']}, not stored: {figures['not_stored']}")
