"""What comes over the wire from OpenAI-compatible servers, and what their refusals mean.

In: bytes of a reply, texts of errors. Out: checked values. Servers add fields of their own to every
reply, so unknown keys are passed over here, and only here.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, ValidationError

from understudy.runs import explain


class BadReplyError(Exception):
    """The server answered 200 with something that is no reply."""


class _FromServer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _SaidMessage(_FromServer):
    content: str | None = None


class _TokenLogprob(_FromServer):
    logprob: float


class _Logprobs(_FromServer):
    """Chat replies fill ``content``, raw completions ``token_logprobs``."""

    content: tuple[_TokenLogprob, ...] | None = None
    token_logprobs: tuple[float | None, ...] | None = None


class _PromptLogprob(_FromServer):
    logprob: float


class WireChoice(_FromServer):
    """One of the n completions."""

    message: _SaidMessage | None = None
    """In chat replies."""
    text: str | None = None
    """In raw completions."""
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    token_ids: tuple[int, ...] | None = None
    prompt_logprobs: tuple[dict[int, _PromptLogprob] | None, ...] | None = None
    """By token id at each place of the prompt; the first has nothing before it and is None."""

    @property
    def said(self) -> str:
        return (self.message.content if self.message else self.text) or ""

    @property
    def token_logprobs(self) -> tuple[float, ...] | None:
        if self.logprobs is None:
            return None
        if self.logprobs.content is not None:
            return tuple(token.logprob for token in self.logprobs.content)
        known = self.logprobs.token_logprobs or ()
        return tuple(value for value in known if value is not None) or None


class _WireUsage(_FromServer):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class WireReply(_FromServer):
    """The body of an answered request."""

    choices: tuple[WireChoice, ...]
    usage: _WireUsage | None = None


class _WireModel(_FromServer):
    id: str
    owned_by: str = ""


class WireModels(_FromServer):
    """The list of models that a server offers."""

    data: tuple[_WireModel, ...] = ()


class _WireTokens(_FromServer):
    tokens: tuple[int, ...]


def parse_tokens(content: bytes) -> tuple[int, ...]:
    """Token ids of a rendered conversation. Raises ``BadReplyError`` for anything else."""
    try:
        return _WireTokens.model_validate_json(content).tokens
    except ValidationError as error:
        raise BadReplyError(f"the server's reply has no token ids: {explain(error, 'tokens')}") from error


def parse_reply(content: bytes) -> WireReply:
    """Raises ``BadReplyError`` for broken JSON, another shape, or no choice at all."""
    try:
        reply = WireReply.model_validate_json(content)
    except ValidationError as error:
        raise BadReplyError(f"the server's reply is no completion: {explain(error, 'reply')}") from error
    if not reply.choices:
        raise BadReplyError("the server's reply has no choices")
    return reply


def parse_models(content: bytes) -> WireModels:
    """Raises ``BadReplyError`` for anything that is no list of models."""
    try:
        return WireModels.model_validate_json(content)
    except ValidationError as error:
        raise BadReplyError(f"the server's list of models cannot be read: {explain(error, 'models')}") from error


_FULL = re.compile(
    r"maximum context length|context_length_exceeded|maximum (?:model|prompt|input) length|max_model_len"
    r"|context length|context window|context size|prompt is too long|input is too long|too many tokens"
    # vLLM, of a prompt that fills the window to the last token; nobody here asks for fewer than one.
    r"|max_tokens must be at least 1, got",
    re.IGNORECASE,
)
_WINDOW = re.compile(r"(?:context length|context window|context size)\D{0,40}?(\d+)", re.IGNORECASE)
_PROMPT = re.compile(
    r"(\d+) (?:input tokens|tokens? (?:in|from) the (?:messages|prompt|input)|in the messages)", re.IGNORECASE
)
_LIMIT = re.compile(r"max_tokens=\d+ cannot be greater than max_model_len=(\d+)", re.IGNORECASE)
"""vLLM, of a limit beyond the whole window, before it looks at the prompt. A limit within the window it cuts itself."""


def says_context_is_full(text: str) -> bool:
    """Whether a refusal (HTTP 400) is about the length of the conversation. The servers agree on no code."""
    return _FULL.search(text) is not None


def room_in_context(text: str) -> int | None:
    """Tokens left for the reply, where the refusal names the window and the prompt's share of it.

    The whole window where the server has not looked at the prompt yet.
    """
    if limit := _LIMIT.search(text):
        return int(limit[1])
    window, prompt = _WINDOW.search(text), _PROMPT.search(text)
    return int(window[1]) - int(prompt[1]) if window and prompt else None
