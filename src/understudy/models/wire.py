"""Bodies that OpenAI-compatible servers send: replies, lists of models, rendered conversations.

In: the bytes of an answer. Out: validated values. Servers differ in everything but the text, so common deviations are
accepted (text in parts, missing counts, other words for the same reason), unknown keys are ignored, and a failure that
comes as a reply is an error. The known deviations are rows of ``tests/models/server_behaviours.py``.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from understudy.models.envelopes import BadReplyError, body_of
from understudy.records import FinishReason
from understudy.runs import explain


class _FromServer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_REASONING_PARTS = frozenset({"thinking", "reasoning", "reasoning.text", "reasoning.summary", "summary_text"})
_TEXT_KEYS = ("text", "output_text", "value", "content", "thinking", "reasoning", "summary")


def _text(value: Any) -> Any:
    """The text of a string, of one part, or of a list of parts."""
    if value is None or isinstance(value, str):
        # Half of a character that is written as two, cut by a limit, cannot be stored.
        return (value or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return "".join(_text(part) for part in value)
    if isinstance(value, dict):
        for key in _TEXT_KEYS:
            if isinstance(value.get(key), str | list | dict):
                return _text(value[key])
    raise ValueError("expected text, or parts that are text")


def _is_reasoning(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _REASONING_PARTS


def _count(value: Any) -> Any:
    value = float(value) if isinstance(value, str) and value.isdigit() else value
    return max(0, round(value)) if isinstance(value, int | float) and math.isfinite(value) else 0


Text = Annotated[str, BeforeValidator(_text)]
Count = Annotated[int, BeforeValidator(_count)]


class WireCall(_FromServer):
    """A tool call as the server sent it; all of it may be missing."""

    id: str = ""
    name: str = ""
    arguments: Any = None
    """A string in most replies, a mapping in some."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        """The function may be in a separate field or not; other kinds of tools have other field names."""
        if not isinstance(value, dict):
            return {"arguments": value}
        inner = next((value[key] for key in ("function", "custom") if isinstance(value.get(key), dict)), value)
        arguments = next((inner[key] for key in ("arguments", "parameters", "input") if key in inner), None)
        return {
            "id": str(value.get("id") or value.get("tool_call_id") or ""),
            "name": str(inner.get("name") or ""),
            "arguments": arguments,
        }


class _ReplyMessage(_FromServer):
    content: Text = ""
    reasoning: Text = ""
    calls: tuple[WireCall, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        """Reasoning has four names, or is a part of the content; a refusal takes the place of the content."""
        if isinstance(value, str):
            return {"content": value}
        if not isinstance(value, dict):
            return value
        content = value.get("content")
        parts = content if isinstance(content, list) else []
        thought = [part for part in parts if _is_reasoning(part)]
        names = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
        if parts:
            content = [part for part in parts if not _is_reasoning(part)]
        return {
            "content": content or value.get("refusal"),
            "reasoning": thought or [value[name] for name in names if value.get(name)][:1],
            "calls": _calls(value),
        }


def _calls(message: dict[str, Any]) -> list[Any]:
    """Calls are in a list; older servers have one ``function_call``, and some send one call without a list."""
    calls = message.get("tool_calls") or message.get("function_call") or []
    return calls if isinstance(calls, list) else [calls]


class _Logprobs(_FromServer):
    """Chat replies fill ``content``, raw completions ``tokens`` and ``token_logprobs``."""

    values: tuple[float | None, ...] = ()
    tokens: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    """Of the tokens; only llama.cpp states them here."""

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {}
        if value.get("content"):
            entries = [entry for entry in value["content"] if isinstance(entry, dict)]
            ids = [entry.get("id") for entry in entries]
            return {
                "values": [entry.get("logprob") for entry in entries],
                "tokens": [str(entry.get("token", "")) for entry in entries],
                "ids": ids if all(isinstance(one, int) for one in ids) else (),
            }
        return {"values": value.get("token_logprobs") or (), "tokens": value.get("tokens") or ()}


class _PromptLogprob(_FromServer):
    logprob: float


class WireChoice(_FromServer):
    """One of the n completions."""

    message: _ReplyMessage | None = None
    """Of chat replies."""
    text: Text = ""
    """Of raw completions."""
    finish_reason: str = ""
    logprobs: _Logprobs = _Logprobs()
    token_ids: tuple[int, ...] | None = None
    prompt_logprobs: tuple[dict[int, _PromptLogprob] | None, ...] | None = None
    """By token id, at each place of the prompt. The first place has no preceding token and is None."""
    error: Any = None

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        reason = value.get("finish_reason")
        if isinstance(reason, dict):  # SGLang's own form
            reason = reason.get("type")
        if isinstance(reason, list):
            reason = reason[0] if reason else ""
        reason = reason if isinstance(reason, str) else ""
        message = value.get("message") or value.get("delta")
        filled = {"message": message, "finish_reason": reason, "logprobs": value.get("logprobs") or {}}
        return {**value, **{key: part or "" if key == "finish_reason" else part for key, part in filled.items()}}

    @property
    def reply_text(self) -> str:
        return self.message.content if self.message else self.text

    @property
    def calls(self) -> tuple[WireCall, ...]:
        return self.message.calls if self.message else ()

    @property
    def token_logprobs(self) -> tuple[float, ...] | None:
        """None unless there is a number for each token."""
        known = tuple(value for value in self.logprobs.values if value is not None and not math.isnan(value))
        is_whole = len(known) == len(self.logprobs.values) and len(known) == len(self.token_ids or known)
        return known or None if is_whole else None

    @property
    def reason(self) -> FinishReason:
        return _REASONS.get(_plain(self.finish_reason), FinishReason.OTHER)

    @property
    def failure(self) -> str:
        """The server's error during the reply; empty if there was none."""
        if _plain(self.finish_reason) in _FAILURES:
            return f"finish_reason {self.finish_reason!r}{f': {json.dumps(self.error)}' if self.error else ''}"
        return json.dumps(self.error) if self.error and not self.reply_text and not self.finish_reason else ""


def _plain(reason: str) -> str:
    return reason.lower().removeprefix("finish_reason_").replace("_", "").replace("-", "")


_ENDS = "stop eos eostoken endturn endofturn stopsequence stopstring end complete completed"
_CALLS = "toolcalls toolcall functioncall tooluse"
_LIMITS = "length maxtokens maxoutputtokens maxlength modellength modelcontextwindowexceeded"
_REASONS = {
    **dict.fromkeys(f"{_ENDS} {_CALLS}".split(), FinishReason.STOP),
    **dict.fromkeys(_LIMITS.split(), FinishReason.LENGTH),
}
_FAILED = (
    "error networkerror servererror internalerror abort aborted cancelled canceled timeout failed unavailable "
    "overloaded insufficientsystemresource"
)
_FAILURES = frozenset(_FAILED.split())
"""Reasons that do not end a reply: the server gave up, not the model."""


class WireUsage(_FromServer):
    """Tokens of a request."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    """Those of the prompt tokens that the server had kept from earlier requests."""

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {}
        other = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
        details = value.get("prompt_tokens_details", value.get("input_tokens_details"))
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        return {name: value.get(name, value.get(alias)) for name, alias in other.items()} | {"cached_tokens": cached}


class WireReply(_FromServer):
    """The body of an answered request."""

    choices: Annotated[tuple[WireChoice, ...], BeforeValidator(lambda value: value or ())]
    usage: WireUsage = WireUsage()
    timings: Any = None

    @property
    def is_from_llama_cpp(self) -> bool:
        return self.timings is not None


class _WireTokens(_FromServer):
    tokens: tuple[int, ...]


def parse_tokens(content: bytes) -> tuple[int, ...]:
    """Token ids of a rendered conversation. Raises ``BadReplyError`` for anything else."""
    try:
        return _WireTokens.model_validate_json(content).tokens
    except ValidationError as error:
        raise BadReplyError(f"the server's reply has no token ids: {explain(error, 'tokens')}") from error


def parse_reply(content: bytes) -> WireReply:
    """Parse a reply. Raises ``RefusalError`` for an error in the body.

    ``BadReplyError`` for broken JSON, another shape, no choice at all, or a reply that the server did not finish.
    """
    body = body_of(content)
    try:
        reply = WireReply.model_validate(
            {**body, "choices": body.get("choices") or ()} if isinstance(body, dict) else body
        )
    except ValidationError as error:
        raise BadReplyError(f"the server's reply is not a completion: {explain(error, 'reply')}") from error
    if not reply.choices:
        raise BadReplyError("the server's reply has no choices")
    for choice in reply.choices:
        if choice.failure:
            raise BadReplyError(f"the server did not finish its reply: {choice.failure}")
    return reply


def parse_owner(content: bytes, model: str) -> str:
    """The server's own statement of what it is, for the model or else for the first model of its list.

    Empty if the list does not state it in a known form.
    """
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    entries = body if isinstance(body, list) else (body.get("data") if isinstance(body, dict) else None)
    known = [entry for entry in entries or () if isinstance(entry, dict)] if isinstance(entries, list) else []
    chosen = next((entry for entry in known if entry.get("id") == model), known[0] if known else {})
    owner = chosen.get("owned_by")
    return owner if isinstance(owner, str) else ""
