"""A small MCP server for the tests: ``python mcp_server.py`` speaks over its pipes, with a port over HTTP."""

from __future__ import annotations

import os
import sys
import threading
from typing import Literal

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

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


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
