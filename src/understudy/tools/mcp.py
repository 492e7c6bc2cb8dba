"""Tools of MCP servers: programs or URLs that speak the Model Context Protocol.

In: an ``McpConfig``. Out: ``Tool`` objects, whose signatures are written from the server's JSON schemas. Calls come
from any number of threads. A server that ends or is cut off is connected to again at the next call; what went wrong is
an observation. Not here: resources, prompts, sampling, and questions back to a user, which no attempt could answer.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Protocol, Self

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt, ValidationError, model_validator

from understudy.annotations import WebAddress
from understudy.records import Record, ToolSchema, sounds_like_search
from understudy.source_digest import command_digest
from understudy.tools.base import MAX_ANSWER_CHARS, Tool, ToolConfigError, ToolError
from understudy.tools.schemas import bound, identifier, parameters_of, returned, signature_of

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from mcp import Client
    from mcp import Tool as ServerTool
    from mcp.client._transport import Transport
    from mcp.types import CallToolResult, ContentBlock

_LAST_WORDS_CHARS = 500
_UNFIT = (RuntimeError, ValueError, TypeError)
"""What the client raises if an argument is not JSON, or an answer does not fit the schema that its own server gave.
The connection is as good as before, and other episodes are using it.
"""


class McpConfig(Record):
    """One MCP server, by the command that starts it or by URL."""

    command: tuple[str, ...] = ()
    """Program and arguments; it speaks over its standard input and output."""
    env: tuple[str, ...] = ()
    """Names of environment variables that the program gets besides the usual few. Values stay out of recipes."""
    url: WebAddress | None = None
    """Of a server that is running (Streamable HTTP)."""
    only: tuple[str, ...] | None = None
    """Tools to take, by the server's names; None: all."""
    rename: dict[str, Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]] = {}
    """What the agent's code calls a tool, by the server's name: ``{list: list_items}``."""
    search: tuple[str, ...] | None = None
    """Tools, by the server's names, that look something up; None: those whose names say so."""
    pure: tuple[str, ...] = ()
    """Tools, by the server's names, that change nothing and answer alike: asked once for all candidates of a step. What
    the server itself says of this is not trusted."""
    timeout_s: PositiveFloat = 60.0
    """Of one call, and of each exchange when connecting."""
    max_chars: PositiveInt = MAX_ANSWER_CHARS

    @model_validator(mode="after")
    def _is_one_server(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError(f"set one of command and url: got command={list(self.command)}, url={self.url}")
        return self

    @property
    def name(self) -> str:
        """For messages."""
        return self.url or " ".join(self.command)

    @property
    def part_version(self) -> str | None:
        """Changes with the scripts and Python modules that the command names; None if it names none."""
        return command_digest(self.command)

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("mcp",)


def _without_traceback(record: logging.LogRecord) -> bool:
    """The client logs each line of a server that is no message with a traceback."""
    if record.exc_info:
        record.msg, record.args, record.exc_info = (
            f"{record.getMessage()}: {record.exc_info[1]}".splitlines()[0],
            (),
            None,
        )
    return True


class _CallsTools(Protocol):
    def call(self, name: str, arguments: Mapping[str, JsonValue]) -> object: ...


@contextmanager
def open_mcp(config: McpConfig) -> Iterator[tuple[Tool, ...]]:
    """The tools of a server, for as long as the context lasts. Raises ``ToolConfigError``."""
    if importlib.util.find_spec("mcp") is None:
        raise ToolConfigError(
            f"{config.name}: tools of MCP servers need the package mcp: pip install 'understudy[mcp]'"
        )
    from anyio.from_thread import start_blocking_portal

    logging.getLogger("mcp.client.stdio").addFilter(_without_traceback)
    with start_blocking_portal() as portal, _Connection(config, portal) as connection:
        offered = connection.tools()
        names = [tool.name for tool in offered]
        named = {"only": config.only or (), "pure": config.pure, "search": config.search or (), "rename": config.rename}
        for key, wanted in named.items():
            if unknown := [name for name in wanted if name not in names]:
                raise ToolConfigError(f"{config.name}: {key}: no tool {unknown[0]!r}; it offers {', '.join(names)}")
        chosen = [tool for tool in offered if config.only is None or tool.name in config.only]
        yield tuple(_tool(tool, config, connection) for tool in chosen)


class _Connection:
    """One session with a server, opened again after it was cut. Safe to use from many threads."""

    def __init__(self, config: McpConfig, portal: BlockingPortal) -> None:
        self._config = config
        self._portal = portal
        self._open = ExitStack()
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._error_log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed with the connection
        """What the program writes to its standard error, which would break into our own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget(self._client)
        self._error_log.close()

    def tools(self) -> list[ServerTool]:
        """All that the server offers. Raises ``ToolConfigError`` if it cannot be reached."""
        try:
            client = self._connected()
            return self._portal.call(_all_tools, client)
        except Exception as error:  # foreign programs and transports fail in their own ways
            raise ToolConfigError(
                f"{self._config.name}: no MCP server answers: {_described(error)}{self._last_words()}"
            ) from error

    def call(self, name: str, arguments: Mapping[str, JsonValue]) -> object:
        """What the tool answers, a value or text. Raises ``ToolError``."""
        from mcp import MCPError
        from mcp.types import CONNECTION_CLOSED

        try:
            client = self._connected()
        except Exception as error:  # foreign programs and transports fail in their own ways
            raise ToolError(f"{name}: the server does not answer: {_described(error)}") from error
        try:
            result = self._portal.call(lambda: client.call_tool(name, dict(arguments)))
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                self._forget(client)
            raise ToolError(f"{name}: {error.message}") from error
        except _UNFIT as error:
            raise ToolError(f"{name}: {_described(error)}") from error
        except Exception as error:
            self._forget(client)
            raise ToolError(f"{name}: the server was lost: {_described(error)}") from error
        return _answer(name, result)

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._open.enter_context(self._session())
            return self._client

    def _session(self) -> AbstractContextManager[Client]:
        from mcp import Client

        client = Client(self._server(), read_timeout_seconds=self._config.timeout_s)
        return self._portal.wrap_async_context_manager(client)

    def _server(self) -> Transport | str:
        from mcp import StdioServerParameters, stdio_client

        if self._config.url is not None:
            return self._config.url
        program, *arguments = self._config.command
        missing = [name for name in self._config.env if name not in os.environ]
        if missing:
            raise ToolConfigError(f"{self._config.name}: env: the environment variable {missing[0]} is not set")
        passed = {name: os.environ[name] for name in self._config.env}
        return stdio_client(StdioServerParameters(command=program, args=arguments, env=passed), errlog=self._error_log)

    def _forget(self, lost: Client | None) -> None:
        """Close what is lost, unless another thread did and has connected again since."""
        with self._lock:
            if self._client is lost:
                self._client = None
                with suppress(Exception):  # it is lost already
                    self._open.close()

    def _last_words(self) -> str:
        self._error_log.seek(0, os.SEEK_END)
        self._error_log.seek(max(0, self._error_log.tell() - _LAST_WORDS_CHARS))
        words = self._error_log.read().strip()
        return f"\nIt wrote: {words}" if words else ""


def _tool(offered: ServerTool, config: McpConfig, connection: _CallsTools) -> Tool:
    parameters = parameters_of(offered.input_schema)

    def call(*args: JsonValue, **kwargs: JsonValue) -> object:
        return connection.call(offered.name, bound(offered.name, parameters, args, kwargs))

    call.__signature__ = signature_of(parameters)  # type: ignore[attr-defined]  # by which calls are recorded
    notes = [f"{one.name}: {one.about}" for one in parameters.values() if one.about]
    name = offered.name
    called = config.rename.get(name) or identifier(name)
    about = offered.description or offered.title or name
    return Tool(
        name=called,
        signature=f"({', '.join(one.written for one in parameters.values())}) -> {returned(offered.output_schema)}",
        description="\n".join([about, *notes]),
        function=call,
        pure=name in config.pure,
        is_search=sounds_like_search(name) if config.search is None else name in config.search,
        timeout_s=config.timeout_s,
        max_chars=config.max_chars,
        schema=ToolSchema(name=called, description=about, parameters=offered.input_schema),
    )


def _answer(name: str, result: CallToolResult) -> object:
    texts = [_text(part) for part in result.content]
    value = result.structured_content
    if result.is_error:
        written = "\n".join(texts) or (json.dumps(value, ensure_ascii=False) if value else "")
        raise ToolError(written or f"{name} failed and does not say why")
    if value is None or (not value and texts):
        return "\n".join(texts)
    # Values that are not objects travel in an object with this one key.
    return value["result"] if isinstance(value, dict) and set(value) == {"result"} else value


def _text(part: ContentBlock) -> str:
    """A part of an answer for a model to read. What is not text is named with its address and size."""
    if part.type == "text":
        return part.text
    if part.type == "resource_link":
        facts = [part.title or part.name, f"<{part.uri}>", part.mime_type or "", part.description or ""]
        return f"[{' '.join(fact for fact in facts if fact)}]"
    if part.type == "resource":
        held = part.resource
        return held.text if hasattr(held, "text") else _binary(held.mime_type, held.blob, f" <{held.uri}>")
    return _binary(part.mime_type, part.data)


def _binary(mime_type: str | None, data: str, address: str = "") -> str:
    return f"[{mime_type or 'data'}{address}, {len(data) * 3 // 4:,} bytes]"


async def _all_tools(client: Client) -> list[ServerTool]:
    """Of all pages. A server that names a page again, or the same tools under new names of pages, has no more."""
    found: dict[str, ServerTool] = {}
    cursor = None
    while True:
        page = await client.list_tools(cursor=cursor)
        new = {tool.name: tool for tool in page.tools if tool.name not in found}
        found |= new
        cursor = page.next_cursor
        if not cursor or not new:
            return list(found.values())


def _described(error: BaseException) -> str:
    """What went wrong, in one line: task groups wrap the error that says it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):  # one line for each type that a value might have had
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"what the server wrote does not follow the protocol: {place}: {first['msg']}"
    return f"{type(error).__name__}: {error}".rstrip(": ")
