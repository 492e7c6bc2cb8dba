"""A served agent that runs until it is stopped.

In: an opened agent and a ``ServeAgentConfig``. Out: a server. At the first Ctrl-C or SIGTERM, new turns are refused
with 503 while running ones may finish; then, or at the second signal, everything ends. Not here: requests.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from understudy.access import is_loopback
from understudy.extras import require
from understudy.serving.app import agent_app
from understudy.serving.config import ConversationsConfig, ServeAgentConfig
from understudy.serving.conversations import Conversations
from understudy.serving.log import ServedLog
from understudy.serving.served_agent import ServedAgent

if TYPE_CHECKING:
    import uvicorn

Say = Callable[[str], None]
_KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none is closed here while a client is using it again."""
_DRAIN_POLL_S = 0.1


def serve_agent(served: ServedAgent, config: ServeAgentConfig, *, say: Say = print) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises ``MissingExtraError``, ``ServedLogError``, ``OSError`` for a port in use.
    """
    with _server(served, config, say) as (server, listening, conversations):
        host, port = listening.getsockname()[:2]
        say(f"{served.label} at http://{host}:{port}/v1; the chat page is http://{host}:{port}/ (Ctrl-C ends it)")
        if config.log is not None:
            say(f"conversations are stored in {config.log}")
        signalled = _Signalled(server, conversations, config.grace_s, say)
        server.handle_exit = signalled  # type: ignore[assignment]
        asyncio.run(server.serve(sockets=[listening]))


def serve_agent_over_stdio(served: ServedAgent, config: ConversationsConfig, *, say: Say) -> None:
    """Serve the agent as an MCP tool over standard input and output, until the client closes it. ``say`` must not write
    to standard output. Raises ``MissingExtraError``, ``ServedLogError``.
    """
    require("mcp", "understudy serve-agent --mcp stdio")
    from understudy.serving.mcp_tool import serve_over_stdio

    with open_conversations(served, config, say=say) as conversations:
        serve_over_stdio(conversations)


@contextmanager
def serving_agent(served: ServedAgent, config: ServeAgentConfig, *, say: Say = print) -> Iterator[str]:
    """Serve in a thread of this process; yields the URL, without ``/v1``. Raises the errors of ``serve_agent``."""
    with _server(served, config, say) as (server, listening, conversations):
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), name="understudy-serve", daemon=True
        )
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            host, port = listening.getsockname()[:2]
            yield f"http://{host}:{port}"
        finally:
            conversations.close()
            server.should_exit = True
            thread.join()


@contextmanager
def open_conversations(
    served: ServedAgent, config: ConversationsConfig, *, say: Say = print
) -> Iterator[Conversations]:
    """The conversations of an agent, with their log. Raises ``ServedLogError``."""
    with ExitStack() as stack:
        log = None
        if config.log is not None:
            log = stack.enter_context(ServedLog(config.log, served.record(), say))
        yield stack.enter_context(Conversations(served, config, log))


class _Signalled:
    """Ends the server: the first signal lets running turns finish, the second stops them, the third ends it without
    waiting.
    """

    def __init__(self, server: uvicorn.Server, conversations: Conversations, grace_s: float, say: Say) -> None:
        self._server, self._conversations, self._grace_s, self._say = server, conversations, grace_s, say
        self._n_signals = 0
        self._is_hasty = threading.Event()

    def __call__(self, *_: Any) -> None:
        """A signal came."""
        self._n_signals += 1
        if self._n_signals == 1:
            self._conversations.drain()
            threading.Thread(target=self._drain, name="understudy-drain", daemon=True).start()
        elif self._n_signals == 2:
            self._is_hasty.set()
        else:
            self._server.should_exit = self._server.force_exit = True

    def _drain(self) -> None:
        if n := self._conversations.n_running:
            self._say(f"ending: {n} turns are running and may take {self._grace_s:g} s more; Ctrl-C ends them now")
        deadline = time.monotonic() + self._grace_s
        while self._conversations.n_running and time.monotonic() < deadline:
            if self._is_hasty.wait(_DRAIN_POLL_S):
                break
        self._conversations.close()
        self._server.should_exit = True


@contextmanager
def _server(
    served: ServedAgent, config: ServeAgentConfig, say: Say
) -> Iterator[tuple[uvicorn.Server, socket.socket, Conversations]]:
    require("serve", "understudy serve-agent")
    if config.mcp:
        require("mcp", "understudy serve-agent --mcp")
    import uvicorn

    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with (
        socket.create_server((config.host, config.port), family=family, backlog=1024) as listening,
        open_conversations(served, config, say=say) as conversations,
    ):
        settings = uvicorn.Config(
            agent_app(conversations, config),
            log_level="error",
            lifespan="on",
            ws="none",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=round(max(1.0, config.grace_s)),
        )
        if not is_loopback(config.host):
            say(f"{config.host}: other machines can reach this server; requests need the token")
        yield uvicorn.Server(settings), listening, conversations
