"""An upstream for tests: chat completions and Responses, streamed or not, with faults on request.

Run as ``python -m tests.recorder.upstream FD``. The user's message says what happens: ``fault:500``, ``fault:cut`` (the
answer breaks off), ``fault:drop`` (no answer at all), ``slow:SECONDS``; else the reply is an echo.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import sys
from typing import Any


def reply_of(request: dict[str, Any]) -> tuple[str, str]:
    """An id that follows from the request, and the text."""
    held = request.get("messages") or request.get("input")
    text = held if isinstance(held, str) else held[-1]["content"]
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16], f"echo: {text}"


def answer(path: str, request: dict[str, Any]) -> tuple[str, list[bytes]]:
    """Content type and the chunks of the body."""
    name, text = reply_of(request)
    if path.endswith("/responses"):
        content = [{"type": "output_text", "text": text}]
        output = [{"type": "message", "role": "assistant", "content": content}]
        body = {"id": name, "object": "response", "status": "completed", "model": "m", "output": output}
        if not request.get("stream"):
            return "application/json", [json.dumps(body).encode()]
        events: list[dict[str, Any]] = [{"type": "response.created", "response": {**body, "status": "in_progress"}}]
        events += [{"type": "response.output_text.delta", "delta": word} for word in text.split(" ")]
        events.append({"type": "response.completed", "response": body})
        return "text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events]
    base = {"id": name, "model": "m", "created": 1}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if not request.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return "application/json", [
            json.dumps({**base, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        ]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": f"{' ' if number else ''}{word}"} for number, word in enumerate(text.split(" "))]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [{**base, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    chunks.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return "text/event-stream", [f"data: {json.dumps(c)}\n\n".encode() for c in chunks] + [b"data: [DONE]\n\n"]


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
            fields = {key.lower(): value for key, value in fields.items()}
            content = await reader.readexactly(int(fields.get("content-length", "0")))
            path = lines[0].split(" ")[1]
            if not path.partition("?")[0].endswith(("/chat/completions", "/responses")):
                body = json.dumps({"path": path, "headers": fields, "body": content.decode("latin-1")}).encode()
                _send(writer, 200, "application/json", body)
                continue
            request = json.loads(content)
            if not await _answer(path.partition("?")[0], request, writer):
                return
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _answer(path: str, request: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
    said = json.dumps(request)
    if "slow:" in said:
        await asyncio.sleep(float(said.partition("slow:")[2].split(" ")[0].split('"')[0]))
    if "fault:500" in said:
        _send(writer, 500, "application/json", b'{"error": {"message": "out of order", "type": "server_error"}}')
        return True
    if "fault:drop" in said:
        return False
    kind, chunks = answer(path, request)
    is_cut = "fault:cut" in said
    if kind == "application/json":
        (body,) = chunks
        _send(writer, 200, kind, body, cut=is_cut)
        return not is_cut
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    pause = 0.02 if "pause" in said else 0.0
    for number, chunk in enumerate(chunks):
        if is_cut and number == len(chunks) // 2:
            return False
        writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if pause:
            await writer.drain()
            await asyncio.sleep(pause)
    writer.write(b"0\r\n\r\n")
    return True


def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, *, cut: bool = False) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nx-from: upstream\r\n\r\n"
    writer.write(head.encode() + (body[: len(body) // 2] if cut else body))


async def serve(listening: socket.socket) -> None:
    """Answer for ever."""
    server = await asyncio.start_server(talk, sock=listening)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
