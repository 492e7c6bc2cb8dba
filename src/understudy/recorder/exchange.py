"""One exchange as a log line.

In: the bytes of a request and of its answer, and facts about them. Out: a line ``{request, response, status, complete,
timestamp, …}``. Bodies are stored as JSON, or as text if they are not JSON. Secrets are removed from the whole line.
Not here: files.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from understudy.recorder.streams import assembled

VERSION = 1
_SECRET_FIELDS = frozenset({"api_key", "api-key", "apikey", "authorization", "extra_headers"})
_REMOVED = "[removed]"
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, as they were forwarded."""

    id: str
    endpoint: str
    started_at: float
    """Unix time."""
    duration_s: float
    status: int
    complete: bool
    """The upstream finished its answer, and the client waited for it."""
    request: bytes
    response: bytes
    is_stream: bool = False
    request_encoding: str = ""
    response_encoding: str = ""
    conversation: str = ""
    client: str = ""
    secrets: tuple[str, ...] = ()
    """The client's keys."""


def line_of(exchange: Exchange) -> bytes:
    """The line, with its line break."""
    record: dict[str, Any] = {
        "recorder": VERSION,
        "id": exchange.id,
        "timestamp": round(exchange.started_at, 3),
        "endpoint": exchange.endpoint,
        "status": exchange.status,
        "complete": exchange.complete,
        "duration_s": round(exchange.duration_s, 4),
    }
    if exchange.conversation:
        record["conversation"] = exchange.conversation
    if exchange.client:
        record["client_id"] = exchange.client
    record["request"] = _without_secret_fields(body_of(exchange.request, exchange.request_encoding))
    record["response"] = _answer(exchange)
    return _without(exchange.secrets, _as_json(record)) + b"\n"


def feedback_line(feedback: dict[str, Any], at: float, **named: str) -> bytes:
    """The line of feedback on a conversation."""
    return _as_json({"recorder": VERSION, "timestamp": round(at, 3), **named, "feedback": feedback}) + b"\n"


def shadow_line(about: dict[str, Any], response: bytes, secrets: Iterable[str]) -> bytes:
    """The line of a second model's reply."""
    record = {"recorder": VERSION, **about, "response": body_of(response, "")}
    return _without(secrets, _as_json(record)) + b"\n"


def _answer(exchange: Exchange) -> Any:
    if exchange.is_stream:
        content = _decoded(exchange.response, exchange.response_encoding)
        body = None if content is None else assembled(content)
        if body is not None:
            return body
    return body_of(exchange.response, exchange.response_encoding)


def body_of(content: bytes, encoding: str) -> Any:
    """JSON unchanged, other text as text, and anything else as a note."""
    if not content:
        return None
    decoded = _decoded(content, encoding)
    if decoded is None:
        return f"[{len(content)} bytes of encoding {encoding!r}]"
    try:
        return from_json(decoded, allow_inf_nan=True)
    except ValueError:
        pass
    try:
        return json.loads(decoded)
    except (ValueError, RecursionError):
        return decoded.decode("utf-8", "replace")


def _decoded(content: bytes, encoding: str) -> bytes | None:
    """The content without its encoding; None if the encoding is unknown or the content is truncated or damaged."""
    if encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        decoder = zlib.decompressobj(wbits=47 if encoding != "deflate" else 15)
        return decoder.decompress(content) + decoder.flush()
    except zlib.error:
        return None


def _without_secret_fields(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {key: _REMOVED if str(key).lower() in _SECRET_FIELDS else value for key, value in body.items()}


def _without(secrets: Iterable[str], line: bytes) -> bytes:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            line = line.replace(secret.encode(), _REMOVED.encode())
    return line


def _as_json(record: dict[str, Any]) -> bytes:
    try:
        return to_json(record, inf_nan_mode="constants")
    except ValueError:  # half of a surrogate pair, which JSON can express and UTF-8 cannot
        return json.dumps(record).encode()
