"""A streamed answer as the equivalent complete body.

In: the bytes of server-sent events, of chat completions or of Responses. Out: the ``chat.completion`` or ``response``
that an unstreamed answer would have been; None if the events are of another kind. Not here: sending anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_LAST = re.compile(
    rb"(?:^|\n)data: ?\[DONE\]"
    rb"|(?:^|\n)event: ?response\.(?:completed|incomplete|failed)\b"
    rb'|"type": ?"response\.(?:completed|incomplete|failed)"'
)
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LAST_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_TAIL = 64
"""Earlier characters that are kept, because the marker of the last event may begin in them."""


class StreamEnd:
    """Notices the last event of a stream, after which a client may consider the answer complete."""

    def __init__(self) -> None:
        self._tail = b""
        self._marked = False

    def seen_in(self, chunk: bytes) -> bool:
        """Whether the last event is complete after this chunk."""
        self._tail += chunk
        self._marked = self._marked or _LAST.search(self._tail) is not None
        ended = self._marked and self._tail.endswith(_ENDS)
        self._tail = self._tail[-_TAIL:]
        return ended


def assembled(content: bytes) -> dict[str, Any] | None:
    """The body that the events stand for."""
    events = list(_events(content))
    failed = next((one for one in events if one.get("error") and "choices" not in one and "type" not in one), None)
    if failed is not None:
        return {"error": failed["error"]}
    last = next((one for one in reversed(events) if one.get("type") in _LAST_EVENTS), None)
    if last is not None and isinstance(last.get("response"), dict):
        return dict(last["response"])
    chunks = [one for one in events if isinstance(one.get("choices"), list)]
    return _completion(chunks) if chunks else None


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    for event in re.split(r"\r\n\r\n|\n\n|\r\r", content.decode("utf-8", "replace")):
        data = "\n".join(line[5:].removeprefix(" ") for line in event.splitlines() if line.startswith("data:"))
        try:
            value = json.loads(data)
        except ValueError:  # comments, and [DONE]
            continue
        if isinstance(value, dict):
            yield value


def _completion(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    for chunk in chunks:
        body |= {key: value for key, value in chunk.items() if key != "choices" and value is not None}
        for part in chunk["choices"]:
            index = part.get("index", 0)
            choice = choices.setdefault(index, {"index": index, "message": {}, "finish_reason": None})
            _add(choice["message"], part.get("delta") or {})
            if part.get("finish_reason") is not None:
                choice["finish_reason"] = part["finish_reason"]
    for choice in choices.values():
        _finish(choice["message"])
    return {**body, "object": "chat.completion", "choices": [choices[index] for index in sorted(choices)]}


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add a part of a message: texts are joined, and so are calls with the same index."""
    for key, value in delta.items():
        if key == "tool_calls":
            _add_calls(message.setdefault("tool_calls", {}), value or ())
        elif key == "function_call" and isinstance(value, dict):
            _add(message.setdefault("function_call", {}), value)
        elif isinstance(value, str) and isinstance(message.get(key), str) and key not in ("role", "id", "type"):
            message[key] += value
        elif isinstance(value, list) and isinstance(message.get(key), list):
            message[key] = message[key] + value
        elif value is not None or key not in message:
            message[key] = value


def _add_calls(calls: dict[int, dict[str, Any]], parts: Iterable[dict[str, Any]]) -> None:
    for number, part in enumerate(parts):
        call = calls.setdefault(part.get("index", number), {"type": "function", "function": {}})
        call |= {key: value for key, value in part.items() if key not in ("index", "function") and value}
        function = call["function"]
        for key, value in (part.get("function") or {}).items():
            if key == "arguments":
                function[key] = function.get(key, "") + (value or "")
            elif value:
                function[key] = value


def _finish(message: dict[str, Any]) -> None:
    message.setdefault("role", "assistant")
    message.setdefault("content", None)
    if "tool_calls" in message:
        message["tool_calls"] = [message["tool_calls"][index] for index in sorted(message["tool_calls"])]
