"""A small MCP server for the tests: ``python mcp_server.py`` speaks over its pipes, with a port over HTTP."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    BlobResourceContents,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel

server = MCPServer("test")


@server.tool()
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@server.tool(name="get-weather")
def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """Weather of a city, invented."""
    return f"{city}: 20 {unit}"


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ToolError(why)


@server.tool()
def table(n: int) -> dict[str, list[int]]:
    """Numbers and their squares."""
    return {"numbers": list(range(n)), "squares": [i * i for i in range(n)]}


@server.tool()
def secret() -> str:
    """What an environment variable holds."""
    return os.environ.get("UNDERSTUDY_TEST_SECRET", "nothing")


@server.tool()
def pid() -> int:
    """Which process this is."""
    return os.getpid()


@server.tool()
def die() -> str:
    """End the server before it answers."""
    os._exit(3)


@server.tool()
def hang(gate_path: str) -> str:
    """Never answer."""
    threading.Event().wait()
    return gate_path


class Street(BaseModel):
    name: str
    number: int | None = None


class Address(BaseModel):
    street: Street
    lines: list[Street] = []
    kind: Literal["home", "work"] = "home"


@server.tool()
def deliver(address: Address, when: list[str] | str, extra: dict[str, int] | None = None) -> Address:
    """Deliver something."""
    return address


@server.tool()
def documents() -> list[ContentBlock]:
    """Embedded resources, links, pictures."""
    return [
        TextContent(type="text", text="first"),
        EmbeddedResource(
            type="resource", resource=TextResourceContents(uri="file:///notes.txt", text="from the notes")
        ),
        EmbeddedResource(
            type="resource",
            resource=BlobResourceContents(uri="file:///x.bin", blob="AAAA", mime_type="application/zip"),
        ),
        ResourceLink(type="resource_link", name="more", uri="https://example.org/more", description="the rest"),
        ImageContent(type="image", data="AAAA", mime_type="image/png"),
    ]


@server.tool()
def slow(seconds: float) -> str:
    """Take a while."""
    time.sleep(seconds)
    return f"slept, process {os.getpid()}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
