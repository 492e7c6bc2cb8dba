"""Asks a judging model for verdicts, and stores them, so that the same prompt is sent once.

In: the text of a prompt, and a function that parses the reply. Out: a verdict, or None if the reply has none. Not here:
the prompts and the verdicts themselves (``judge``, ``rubric``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import JsonValue

from understudy.models.model import Model, Request
from understudy.records import Message, Record, Role
from understudy.runs import append_jsonl, read_jsonl

V = TypeVar("V", bound=Record)


class _Stored(Record):
    """One line of the cache file."""

    key: str
    verdict: dict[str, JsonValue]


class VerdictCache(Generic[V]):
    """The verdicts of one kind that are known. Safe to use from many threads."""

    def __init__(self, path: Path | None, verdict: type[V]) -> None:
        """``path``: a JSONL file; None: verdicts are cached in this process only."""
        self._path = path
        self._lock = threading.Lock()
        stored = read_jsonl(path, _Stored) if path is not None and path.exists() else ()
        self._known = {one.key: verdict.model_validate(one.verdict) for one in stored}

    def verdict(self, key: str, ask: Callable[[], V | None]) -> V | None:
        """The known verdict, or the one that ``ask`` returns; None is not stored."""
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return known
        verdict = ask()
        if verdict is not None:
            self._remember(key, verdict)
        return verdict

    def _remember(self, key: str, verdict: V) -> None:
        with self._lock:
            self._known[key] = verdict
            if self._path is not None:
                with append_jsonl(self._path) as file:
                    file.write(_Stored(key=key, verdict=verdict.model_dump(mode="json")))


def ask_judge(model: Model, system: str, prompt: str, schema: str, max_tokens: int) -> str:
    """The model's greedy reply. Raises ``ProviderError`` and ``ContextFullError``."""
    messages = (Message(role=Role.SYSTEM, content=system), Message(role=Role.USER, content=prompt))
    return model.complete(Request(messages, max_tokens=max_tokens, seed=0, json_schema=schema))[0].text
