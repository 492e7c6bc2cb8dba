"""An MCP server without the SDK, whose answers deviate from the protocol as its first argument says."""

from __future__ import annotations

import json
import sys
from typing import Any

TEXT = [{"type": "text", "text": "hello"}]
RESULTS: dict[str, object] = {
    "error with values": {"content": [], "isError": True, "structuredContent": {"error": "no such city"}},
    "no values": {"content": TEXT, "structuredContent": {}},
    "content is null": {"content": None},
    "unknown content": {"content": [{"type": "chart", "data": {"a": 1}}]},
}
TOOL = {"name": "t", "description": "d", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}


def send(reply: dict[str, Any]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **reply}), flush=True)


def answer(manner: str, method: str, parameters: dict[str, Any]) -> dict[str, object]:
    if method == "initialize":
        about = {"protocolVersion": parameters["protocolVersion"], "capabilities": {"tools": {}}}
        return {"result": {**about, "serverInfo": {"name": "odd", "version": "1"}}}
    if method == "tools/list":
        tools = [TOOL, {"name": "other"}] if manner == "tool without schema" else [TOOL, TOOL]
        return {"result": {"tools": tools, **({"nextCursor": "again"} if manner == "pages without end" else {})}}
    if method == "tools/call":
        return {"result": RESULTS.get(manner, {"content": TEXT})}
    return {"error": {"code": -32601, "message": "Method not found"}}


def main(manner: str) -> None:
    if manner == "talks":
        print("Server is listening on stdio", flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            send({"id": message["id"], **answer(manner, message["method"], message.get("params") or {})})


if __name__ == "__main__":
    main(sys.argv[1])
