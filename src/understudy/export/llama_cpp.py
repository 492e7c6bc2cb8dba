"""A real llama.cpp that reads a GGUF file, in a separate process.

In: the file, and prompts and replies as token ids. Out: the log-probability of each token of the replies, the greedy
choice of llama.cpp at each position, and whether it splits the prompts into the same tokens. Not here: allowed
differences (``checking.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
from pydantic import TypeAdapter

from understudy.models.llama_cpp_process import LlamaCppOptions, llama_cpp_served, server_program
from understudy.models.process import ServerMissingError, ServerStartError
from understudy.records import Record

_N_PLACES = 50
"""Likeliest tokens that are read at each position."""
_TIME_LIMIT_S = 600.0
_FORCED = 1e6


class LlamaCppError(RuntimeError):
    """llama.cpp is not installed, or cannot read the file."""


class Question(Record):
    """One prompt and the reply whose tokens are scored."""

    text: str
    """The prompt as text, which llama.cpp tokenizes itself."""
    prompt_ids: tuple[int, ...]
    reply_ids: tuple[int, ...]


class Reading(Record):
    """llama.cpp's result for one prompt and reply. The lists are as long as the reply."""

    same_prompt: bool
    """Whether it splits the prompt into the same tokens."""
    logprobs: tuple[float | None, ...]
    """In nats; None if the token is not among the fifty likeliest."""
    greedy_ids: tuple[int, ...]


def require_llama_cpp() -> None:
    """Raises ``LlamaCppError``, which says how to install it."""
    try:
        server_program()
    except ServerMissingError as error:
        raise LlamaCppError(f"the check of a GGUF file: {error}. --no-check writes the file unchecked") from error


def read_replies(model: Path, questions: Sequence[Question]) -> list[Reading]:
    """Let llama.cpp read each prompt with its reply. Raises ``LlamaCppError``."""
    longest = max(len(question.prompt_ids) + len(question.reply_ids) for question in questions)
    config = LlamaCppOptions(model=str(model.resolve()), context_tokens=longest + 8, n_parallel=1)
    try:
        with (
            llama_cpp_served(config) as url,
            httpx.Client(base_url=url.removesuffix("/v1"), timeout=_TIME_LIMIT_S) as client,
        ):
            (whole_token, *_) = _ids(client, "a")
            return [_read(client, question, whole_token) for question in questions]
    except (ServerStartError, httpx.HTTPError, ValueError) as error:
        raise LlamaCppError(f"{model}: llama.cpp cannot read it: {error}") from error


class _Place(Record):
    id: int
    logprob: float


_PLACES = TypeAdapter(list[_Place])


def _read(client: httpx.Client, question: Question, whole_token: int) -> Reading:
    ids, reply = question.prompt_ids, question.reply_ids
    places = [_likeliest(client, [*ids, *reply[:number]], whole_token) for number in range(len(reply))]
    return Reading(
        same_prompt=tuple(_ids(client, question.text)) == ids,
        logprobs=tuple(place.get(token) for token, place in zip(reply, places, strict=True)),
        greedy_ids=tuple(max(place, key=lambda token: place[token]) for place in places),
    )


def _likeliest(client: httpx.Client, ids: Sequence[int], whole_token: int) -> dict[int, float]:
    """The likeliest next tokens, and their log-probabilities before sampling.

    llama.cpp returns none after a token that is only a part of a character, so another one is forced.
    """
    body = {
        "prompt": list(ids),
        "n_predict": 1,
        "temperature": 0,
        "n_probs": _N_PLACES,
        "logit_bias": [[whole_token, _FORCED]],
        "cache_prompt": True,
    }
    reply = client.post("/completion", json=body).raise_for_status().json()
    kept = [
        {key: place[key] for key in ("id", "logprob")}
        for place in reply["completion_probabilities"][0]["top_logprobs"]
        if place["logprob"] is not None
    ]
    return {place.id: place.logprob for place in _PLACES.validate_python(kept)}


def _ids(client: httpx.Client, text: str) -> list[int]:
    reply = client.post("/tokenize", json={"content": text, "parse_special": True}).raise_for_status()
    return TypeAdapter(list[int]).validate_python(reply.json()["tokens"])
