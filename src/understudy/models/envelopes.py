"""What is around a reply: other servers' own forms as OpenAI's, and failures that come with status 200.

In: the bytes of an answer. Out: a body with ``choices``, as far as one can be found. Not here: the reply itself
(``wire``). The forms that were met are rows of ``tests/models/server_behaviours.py``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from understudy.models.refusals import RefusalError

_COMMENTS = re.compile(r"\s*(?::[^\n]*\n\s*)+")
"""Lines that keep a connection open while the model works, as in a stream of events."""


class BadReplyError(Exception):
    """The server answered 200 with something that is not a reply."""


def body_of(content: bytes) -> Any:
    """The answer's JSON in OpenAI's form. Raises ``RefusalError`` for an error in it, ``BadReplyError`` for no JSON."""
    text = content.decode("utf-8-sig", errors="replace")
    if comments := _COMMENTS.match(text):
        text = text[comments.end() :]
    if text.startswith(("data:", "event:")):
        raise BadReplyError("the server's reply is a stream of events, but no stream was asked for")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise BadReplyError(f"the server's reply is not JSON: {error}") from error
    if is_error(body):
        raise RefusalError(200, content)
    return _unwrapped(body)


def is_error(body: object) -> bool:
    """Whether an answer with status 200 is an error."""
    if isinstance(body, list):
        return bool(body) and is_error(body[0])
    if isinstance(body, str):
        return bool(body)
    if not isinstance(body, dict) or body.get("choices"):
        return False
    if body.get("error") or body.get("detail") or body.get("object") == "error" or body.get("success") is False:
        return True
    if isinstance(feedback := body.get("promptFeedback"), dict) and feedback.get("blockReason"):
        return True
    return bool(body.get("code") and body.get("message") and not isinstance(body["message"], dict))


def _unwrapped(body: Any) -> Any:
    """The completion inside ``result`` or ``output``, or as Ollama's and Anthropic's own forms have it."""
    if not isinstance(body, dict) or body.get("choices"):
        return body
    for key in ("result", "output", "data", "response"):
        if isinstance(inner := body.get(key), dict) and inner.get("choices"):
            return {"usage": body.get("usage"), **inner}
    if "done" in body and ("message" in body or "response" in body):
        counts = {"prompt_tokens": body.get("prompt_eval_count"), "completion_tokens": body.get("eval_count")}
        return _single(body.get("message") or {"content": body.get("response")}, body.get("done_reason"), counts)
    if body.get("type") == "message" and "stop_reason" in body:
        return _single({"content": body.get("content")}, body["stop_reason"], body.get("usage"))
    return body


def _single(message: Any, reason: Any, usage: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}
