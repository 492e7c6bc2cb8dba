"""The recorder as an ASGI application: the proxy, and the recorder's own paths.

In: HTTP. Out: the upstream's answers; ``GET /understudy/health``; ``POST /understudy/feedback``. Not here: sockets.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from understudy.recorder.access import OWN, Access, Asked
from understudy.recorder.exchange import feedback_line
from understudy.recorder.keeping import Keeper
from understudy.recorder.proxy import Proxy, Receive, Scope, Send
from understudy.recorder.shadow import Shadow
from understudy.recorder.store import StoreError
from understudy.runs import explain

_LONGEST_FEEDBACK = 1 << 20


class Feedback(BaseModel):
    """Feedback on a conversation."""

    model_config = ConfigDict(extra="forbid")

    conversation: str = ""
    """The client's name for the conversation."""
    response_id: str = ""
    """``id`` of one of its answers, if it has no name."""
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    correct: bool | None = None
    reference: str | None = None
    """The right answer."""
    comment: str = ""

    @model_validator(mode="after")
    def _names_and_says_something(self) -> Feedback:
        if not (self.conversation or self.response_id):
            raise ValueError("expected conversation or response_id, got neither")
        if self.score is None and self.correct is None and self.reference is None and not self.comment:
            raise ValueError("expected score, correct, reference or comment, got none of them")
        return self


class RecorderApp:
    """The ASGI application."""

    def __init__(self, proxy: Proxy, keeper: Keeper, access: Access, shadow: Shadow | None = None) -> None:
        self._proxy, self._keeper, self._access, self._shadow = proxy, keeper, access, shadow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        asked = self._access.asked(scope)
        if asked is None:
            message = "understudy record: expected its token, in the header x-understudy-token or first in the path"
            await Access.answer(send, 401, Access.error("invalid_recorder_token", message))
        elif asked.is_own:
            await self._answer(asked, scope, receive, send)
        else:
            await self._proxy.forward(asked, scope, receive, send)

    async def _answer(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["method"], asked.path.removeprefix(OWN):
            case "GET", "/health":
                shadow = {} if self._shadow is None else {"shadow": self._shadow.figures()}
                figures = {"status": "ok", **self._keeper.figures(), **shadow}
                await Access.answer(send, 200, json.dumps(figures).encode())
            case "POST", "/feedback":
                await Access.answer(send, *await self._take_feedback(receive))
            case method, _:
                here = f"{OWN}/health (GET) and {OWN}/feedback (POST)"
                message = f"understudy record: no {method} {asked.path} here, only {here}"
                await Access.answer(send, 404, Access.error("not_found", message))

    async def _take_feedback(self, receive: Receive) -> tuple[int, bytes]:
        content = b""
        while len(content) <= _LONGEST_FEEDBACK:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            said = Feedback.model_validate_json(content)
        except ValidationError as error:
            return 422, Access.error("invalid_feedback", explain(error, "feedback"))
        fields: dict[str, Any] = said.model_dump(exclude_defaults=True)
        named = {key: fields.pop(key) for key in ("conversation", "response_id") if key in fields}
        try:
            await asyncio.to_thread(self._keeper.append, feedback_line(fields, time.time(), **named))
        except StoreError as error:
            return 507, Access.error("not_stored", str(error))
        return 200, b'{"stored": true}'
