"""A shop's model as a server: OpenAI chat completions, OpenAI Responses and Anthropic messages, with scripted replies.

In: requests of real agent frameworks. Out: a call of ``get_order``, then an answer; each exchange is kept as a log
line ``{timestamp, request, response}``. Standard library only, so that it runs in any environment.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ORDER, STATUS = "A17", "shipped, arrives on Friday"
QUESTION = f"Where is my order {ORDER}?"
SYSTEM = "You are the assistant of a small shop. Look orders up before you answer."
ANSWER = f"Order {ORDER} is {STATUS}."
THOUGHT = "I have to look the order up."
SMOL_ANSWER = {"answer": ANSWER}


def get_order(order_id: str) -> str:
    """Look up the state of an order.

    Args:
        order_id: The order's number, such as A17.
    """
    return f"order {order_id}: {STATUS}"


class Shop:
    """What the server has seen."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []

    def answer(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        number = len(self.log) + 1
        if path.endswith("/chat/completions"):
            reply = _chat(request, number)
        elif path.endswith("/responses"):
            reply = _responses(request, number)
        else:
            reply = _anthropic(request, number)
        self.log.append({"timestamp": 1_764_200_000 + number, "request": request, "response": reply})
        return reply


@contextmanager
def shop_server() -> Iterator[tuple[str, Shop]]:
    """Serve on loopback; yield the base URL and what was seen."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(shop.answer(self.path.partition("?")[0], request)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """No output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _has_result(messages: list[Any]) -> bool:
    text = json.dumps(messages)
    return STATUS in text


def _chat(request: dict[str, Any], number: int) -> dict[str, Any]:
    names = [tool["function"]["name"] for tool in request.get("tools") or ()]
    done = _has_result(request["messages"])
    name, arguments = "get_order", {"order_id": ORDER}
    if done and "final_answer" in names:
        name, arguments, done = "final_answer", SMOL_ANSWER, False
    call = {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    message: dict[str, Any] = {"role": "assistant", "content": ANSWER if done else None}
    if not done:
        message |= {"tool_calls": [call], "reasoning_content": THOUGHT}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_764_200_000 + number,
        "model": "shop-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop" if done else "tool_calls"}],
        "usage": {"prompt_tokens": 100 * number, "completion_tokens": 20, "total_tokens": 100 * number + 20},
    }


def _responses(request: dict[str, Any], number: int) -> dict[str, Any]:
    if _has_result(request["input"]):
        text = {"type": "output_text", "text": ANSWER, "annotations": []}
        output = [
            {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [text]}
        ]
    else:
        output = [
            {"type": "reasoning", "id": f"rs_{number}", "summary": [{"type": "summary_text", "text": THOUGHT}]},
            {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": f"call_{number}",
                "name": "get_order",
                "arguments": json.dumps({"order_id": ORDER}),
                "status": "completed",
            },
        ]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_764_200_000 + number,
        "model": "shop-model",
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": request.get("tools") or [],
        "usage": {
            "input_tokens": 100 * number,
            "output_tokens": 20,
            "total_tokens": 100 * number + 20,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 5},
        },
    }


def _anthropic(request: dict[str, Any], number: int) -> dict[str, Any]:
    done = _has_result(request["messages"])
    use = {"type": "tool_use", "id": f"toolu_{number}", "name": "get_order", "input": {"order_id": ORDER}}
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": "c2lnbmVk"}
    content = [{"type": "text", "text": ANSWER}] if done else [thought, use]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "shop-model",
        "content": content,
        "stop_reason": "end_turn" if done else "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 100 * number, "output_tokens": 20},
    }
