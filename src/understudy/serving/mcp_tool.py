"""The agent as one tool of an MCP server, over standard input and output or over streamable HTTP.

In: the conversations of an agent. Out: the tool ``ask``: a question, and a name to continue a conversation; steps
are reported as progress. Importing this module needs the package ``mcp``. Not here: tools of other MCP servers
(``understudy.tools.mcp``).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import BaseRoute

from understudy.records import ConversationEnd
from understudy.serving.asked import Asked, RefusedError
from understudy.serving.conversation import Turn
from understudy.serving.conversations import Conversations
from understudy.serving.events import Event, Stepped, text_of
from understudy.serving.turn_response import failure_of

_SHOWN_CHARS = 500
TOOL = "ask"


def mcp_server(conversations: Conversations) -> MCPServer:
    """A server with the one tool."""
    label = conversations.served.label
    server: MCPServer = MCPServer(label, log_level="ERROR")

    async def ask(question: str, ctx: Context, conversation: str = "") -> str:
        return await _answer(conversations, ctx, Asked(question, name=conversation))

    about = (
        f"Ask the agent {label!r}, which works in steps with tools of its own, and get its answer. "
        "conversation: a name of your choice, to continue the same conversation in later calls; "
        "without one, each question begins a new conversation."
    )
    server.add_tool(ask, name=TOOL, description=about, structured_output=False)
    return server


def mcp_app(
    conversations: Conversations,
) -> tuple[list[BaseRoute], Callable[[], AbstractAsyncContextManager[None]]]:
    """The routes of ``/mcp``, and what runs as long as they are served. Hosts and tokens are checked before."""
    server = mcp_server(conversations)
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(transport_security=unchecked)
    return list(app.routes), server.session_manager.run


def serve_over_stdio(conversations: Conversations) -> None:
    """Serve one client until it closes standard input."""
    anyio.run(mcp_server(conversations).run_stdio_async)


async def _answer(conversations: Conversations, ctx: Context, asked: Asked) -> str:
    if not asked.said.strip():
        raise ToolError("question: expected a text, got none")
    try:
        turn = await anyio.to_thread.run_sync(conversations.begin, asked)
    except RefusedError as error:
        raise ToolError(str(error)) from None
    if not asked.name:
        turn.ends_conversation = ConversationEnd.CLOSED
    try:
        await anyio.to_thread.run_sync(_run, conversations, turn, partial(_report, ctx), abandon_on_cancel=True)
    except anyio.get_cancelled_exc_class():
        turn.stop(ConversationEnd.DISCONNECTED)
        raise
    if (failed := failure_of(turn)) is not None:
        raise ToolError(str(failed[1]["message"]))
    if turn.result.answer is None:
        raise ToolError(f"the agent gave no answer: {turn.result.stop_reason.value.replace('_', ' ')}")
    return turn.result.answer


def _run(conversations: Conversations, turn: Turn, report: Callable[[int, str], Coroutine[Any, Any, None]]) -> None:
    before: Event | None = None

    def tell(event: Event) -> None:
        nonlocal before
        text = text_of(event, before, turn.conversation.action_format).strip()
        before = event
        if text and not turn.stopped.is_set():
            number = 2 * event.number + isinstance(event, Stepped)
            anyio.from_thread.run(report, number, text[:_SHOWN_CHARS])

    try:
        turn.run(tell)
    except Exception:
        pass
    finally:
        conversations.end_turn(turn)


async def _report(ctx: Context, number: int, text: str) -> None:
    await ctx.report_progress(number, message=text)
