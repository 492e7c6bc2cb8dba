"""A chat server that answers after a fixed time, in place of a model that a rollout waits for.

In: OpenAI chat requests. Out: an action in the first step of an episode, ``final_answer`` in the second. It writes
smolagents' tags if the system prompt asks for them. Run as ``python -m benchmarks.latency_server PORT SECONDS
[SPREAD]``: with a spread of 0.5, an answer takes between half and one and a half times as long, and the same request
takes the same time whenever it comes.
"""

from __future__ import annotations

import asyncio
import json
import sys
from zlib import crc32


def reply(messages: list[dict[str, object]]) -> str:
    """What the model says next."""
    has_acted = any(message["role"] == "assistant" for message in messages)
    code = "final_answer(x)" if has_acted else "x = 6 * 7\nprint(x)"
    if "<code>" in json.dumps(messages[0]["content"]):
        return f"Thought: I go on.\n<code>\n{code}\n"
    return f"Thought: I go on.\nCode:\n```py\n{code}\n```"


def completion(request: dict[str, object]) -> bytes:
    """The body of a chat completion."""
    messages = request["messages"]
    assert isinstance(messages, list)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply(messages)}}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "fixed",
        "choices": [choice],
        "usage": {"prompt_tokens": 500, "completion_tokens": 30, "total_tokens": 530},
    }
    return json.dumps(body).encode()


async def serve(port: int, latency_s: float, spread: float = 0.0) -> None:
    """Answer for ever."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                content = await reader.readexactly(int(fields.get("content-length", "0")))
                body = b'{"object": "list", "data": [{"id": "fixed", "object": "model", "owned_by": "vllm"}]}'
                if lines[0].startswith("POST"):
                    arrived = asyncio.get_running_loop().time()
                    body = completion(json.loads(content))
                    share = 2 * crc32(content) / 2**32 - 1
                    due = arrived + latency_s * (1 + spread * share)
                    await asyncio.sleep(due - asyncio.get_running_loop().time())
                start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(start.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *map(float, sys.argv[2:])))
