"""An MCP server whose schemas are written by hand: names and answers as other people's servers have them."""

from __future__ import annotations

import json
import os
from typing import Any

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.stdio import stdio_server

TEXT: dict[str, Any] = {"type": "string"}
NUMBER_OUT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NAMES = ("user_id_2", "user-id", "user_id", "user.id", "self", "from", "class", "2d", "größe", "", "a b")


def schema(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TOOLS = [
    types.Tool(name="names", input_schema=schema("self", **dict.fromkeys(NAMES, TEXT))),
    types.Tool(name="list", input_schema=schema(query=TEXT)),
    types.Tool(name="get-user", input_schema=schema()),
    types.Tool(name="get_user", input_schema=schema()),
    types.Tool(name="find.person", input_schema=schema(name=TEXT)),
    types.Tool(name="broken", input_schema=schema(), output_schema=NUMBER_OUT),
    types.Tool(name="missing", input_schema=schema(), output_schema=NUMBER_OUT),
    types.Tool(name="slow", input_schema=schema(seconds={"type": "number"})),
]


async def list_tools(_context: object, _parameters: object) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(_context: object, call: types.CallToolRequestParams) -> types.CallToolResult:
    arguments = call.arguments or {}
    structured = {"n": "no number"} if call.name == "broken" else None
    if call.name == "slow":
        await anyio.sleep(float(arguments["seconds"]))
    text = str(os.getpid()) if call.name == "slow" else json.dumps(arguments, ensure_ascii=False)
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    if structured is None:
        return types.CallToolResult(content=content)
    return types.CallToolResult(content=content, structured_content=structured)


async def main() -> None:
    server: Server[Any] = Server("raw", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(main)
