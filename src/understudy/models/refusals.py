"""The meaning of a server's refusal: a full context, a parameter that it does not accept, a limit of the reply.

In: status and body of an answer that is not a reply; since servers share no error codes, their wording is parsed. Out:
a ``RefusalError``, and what can be done about it. ``tests/models/server_behaviours.py`` has the wordings that users
reported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

RETRIED_STATUSES = frozenset({408, 409, 425, 429})
"""In addition to 500 and above."""


class RefusalError(Exception):
    """The server answered with an error, by its status or in the body of a 200."""

    def __init__(self, status: int, content: bytes, retry_after: str = "") -> None:
        """``content``: the unchanged body. An error inside a 200 has the status that its ``code`` states, or 200."""
        body = _json(content)
        self.params = tuple(value for key, value in _leaves(body) if key.endswith("param") and value)
        self.text = _plain_numbers("\n".join(f"{key}: {_without_echo(value)}" for key, value in _leaves(body)))
        """All fields of the body, one ``key: value`` per line."""
        self._words = "\n".join(value for _, value in _leaves(body))
        self.status = _stated_status(body) or status if status == 200 else status
        self.retry_after = retry_after
        super().__init__(f"HTTP {status}: {_message(body)}")

    @property
    def is_passing(self) -> bool:
        """Whether another attempt may succeed."""
        return self.status in RETRIED_STATUSES or self.status >= 500 or self.status == 200

    @property
    def is_full_context(self) -> bool:
        """Whether it is about the length of the conversation."""
        if self.status in (401, 402, 403, 429) or _RATES.search(self.text):
            return False
        if _WINDOW_WORDS.search(self.text):
            return True
        return self.status < 500 and bool(_TOO_LONG.search(self._words)) and not _OTHER_SIZES.search(self._words)

    @property
    def room(self) -> int | None:
        """Tokens left for the reply, if the refusal names the window and the prompt's share of it.

        The whole window if the server has not looked at the prompt yet.
        """
        if limit := _LIMIT_BEYOND_WINDOW.search(self.text):
            return int(limit[1])
        window, prompt = _first(_WINDOWS, self.text), _prompt_tokens(self.text)
        return None if window is None or prompt is None else window - prompt

    @property
    def longest_reply(self) -> int | None:
        """The server's own limit of ``max_tokens``, if the refusal names one."""
        return _first(_REPLY_LIMITS, self.text)

    @property
    def most_choices(self) -> int | None:
        """How many completions the server returns at a time, if the refusal names a number above one."""
        found = re.search(r"'n'\W+Value must be between 1 <= value <= (\d+)", self.text)
        return int(found[1]) if found and int(found[1]) > 1 else None


_RATES = re.compile(r"per (?:minute|day|hour)|rate.?limit|\b[TR]P[MD]\b|quota", re.IGNORECASE)
_OTHER_SIZES = re.compile(
    r"\bimages?\b|\bmetadata\b|\btools\b|\bkeys\b|\bbytes\b|\d ?[KM]i?B\b|logprobs|time ?out|deadline|time limit",
    re.IGNORECASE,
)
_WINDOW_WORDS = re.compile(
    r"context_length_exceeded|exceed_context_size|max_prompt_tokens_exceeded|string_above_max_length"
    r"|maximum (?:context|model|prompt|input|sequence|allowed) (?:input |prompt )?length"
    r"|max_(?:model|seq)_len|session_len|exceeds n_ctx"
    r"|context (?:length|window|size|limit)\b|(?:prompt|input) is too long|too many (?:input |prompt )?tokens"
    # vLLM, of a prompt that fills the window to the last token; nobody here asks for fewer than one.
    r"|max_tokens must be at least 1, got"
    r"|max model len|context shift is disabled|input is too large to process"
    r"|sequence length \d+ (?:larger|longer|greater)",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"\b(?:prompt|inputs?(?! should be)|messages?|conversation|request|tokens?)\b.{0,60}?"
    r"(?:too (?:long|large)|exceed|longer than|(?:greater|larger|less) than|must be <=|only supports? up to)"
    r"|range of input length|reduce (?:the length of )?(?:the |your )?(?:messages?|prompt|input)\b",
    re.IGNORECASE,
)
_LIMIT_BEYOND_WINDOW = re.compile(r"max_tokens=\d+ cannot be greater than max_model_len=(\d+)", re.IGNORECASE)
"""vLLM's refusal of a limit beyond the whole window, before it looks at the prompt. It reduces a limit within the
window itself.
"""
_WINDOWS = (
    r"exceed context limit: \d+ \+ \d+ > (\d+)",
    r"\bn_ctx: (\d+)",
    r"max_new_tokens`? must be <= (\d+)",
    r"(\d+) maximum context length",
    r"(?:context (?:length|window|size|limit)|max_(?:model|seq)_len)\D{0,40}?(\d+)",
)
_PROMPTS = (
    r"exceed context limit: (\d+) \+",
    r"\bn_prompt_tokens: (\d+)",
    r"(\d+) (?:`?inputs?`? tokens|tokens? (?:in|from) (?:the|your) (?:input )?(?:messages|prompt|input))",
    r"(\d+) in (?:the|your) (?:messages|prompt|input)",
    r"(?:prompt contains|messages resulted in|input tokens?:) (\d+)",
    r"(?:prompt_tokens|prompt|input|request) \((\d+)(?: tokens)?\)",
)
_PARTS_OF_INPUT = re.compile(r"(\d+) of \w+ input", re.IGNORECASE)
_REPLY_LIMITS = (
    r"supports at most (\d+) completion tokens",
    r"valid range of max_(?:completion_)?tokens is \[\d+, ?(\d+)\]",
    r"max_(?:completion_)?tokens`?'?\"?(?: for \S+)? must be (?:less than or equal to|<=) `?(\d+)",
    r"range of max_(?:completion_)?tokens should be \[\d+, ?(\d+)\]",
    r"max_(?:completion_)?tokens`?'?\"? (?:must be|can be) at most (\d+)",
    r"max_(?:completion_)?tokens: \d+ > (\d+), which is the maximum allowed",
)


def _first(patterns: Iterable[str], text: str) -> int | None:
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    return next((int(match[1]) for match in found if match), None)


def _prompt_tokens(text: str) -> int | None:
    parts = _PARTS_OF_INPUT.findall(text)
    return sum(map(int, parts)) if parts else _first(_PROMPTS, text)


def _plain_numbers(text: str) -> str:
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)


def _json(content: bytes) -> object:
    text = content.decode(errors="replace").strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def _leaves(body: object, key: str = "") -> Iterator[tuple[str, str]]:
    """All values with their paths. Echoes of the request are omitted: they do not describe the error."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name not in ("input", "ctx", "url"):
                yield from _leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(body, list) and all(isinstance(value, str | int) for value in body):
        yield key, ".".join(map(str, body))  # such as ["body", "seed"], where a field lies
    elif isinstance(body, list):
        for value in body:
            yield from _leaves(value, key)
    elif body is not None:
        yield key, str(body)


_ECHO = re.compile(r"""(?:["']input["']:|input_value=|\(got:)\s*(?=\{)""")
_BRACES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[{}]""")
"""Braces, and quoted texts, whose braces do not count."""


def _without_echo(text: str) -> str:
    """A message without the objects that it repeats from the request, as pydantic does: they name every parameter."""
    while found := _ECHO.search(text):
        depth, end = 0, len(text)
        for part in _BRACES.finditer(text, found.end()):
            depth += (part[0] == "{") - (part[0] == "}")
            if not depth:
                end = part.end()
                break
        text = text[: found.start()] + text[end:]
    return text


def _message(body: object) -> str:
    """The server's message, or the body if there is none."""
    messages = [
        value for key, value in _leaves(body) if key.rsplit(".", 1)[-1] in ("message", "msg", "detail", "error", "")
    ]
    text = "; ".join(dict.fromkeys(messages)) or json.dumps(body, ensure_ascii=False)
    return text if len(text) <= 1000 else text[:999] + "…"


def _stated_status(body: object) -> int | None:
    codes = (value for key, value in _leaves(body) if key.endswith(("code", "status")))
    return next((int(code) for code in codes if code.isdigit() and 400 <= int(code) < 600), None)
