"""Asks a judging model for verdicts, and stores them, so that the same prompt is sent once.

In: the text of a prompt, and a function that parses the reply. Out: a verdict, or None if the reply has none. Not here:
the prompts and the verdicts themselves (``judge``, ``rubric``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import JsonValue, ValidationError

from understudy.models.model import Model, Request
from understudy.records import Message, Record, Role
from understudy.runs import BadRecordError, append_jsonl, explain, read_jsonl

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
        self._verdict = verdict
        self._known = {one.key: one.verdict for one in stored}  # also those of other kinds, if graders share a file

    def verdict(self, key: str, ask: Callable[[], V | None]) -> V | None:
        """The known verdict, or the one that ``ask`` returns; None is not stored. Raises ``BadRecordError`` for a
        stored one that is no verdict of this kind.
        """
        with self._lock:
            known = self._known.get(key)
        if known is not None:
            return self._read(key, known)
        verdict = ask()
        if verdict is not None:
            self._remember(key, verdict)
        return verdict

    def _read(self, key: str, stored: dict[str, JsonValue]) -> V:
        try:
            return self._verdict.model_validate(stored)
        except ValidationError as error:
            raise BadRecordError(f"{self._path}: the verdict {key!r}: {explain(error, 'verdict')}") from None

    def _remember(self, key: str, verdict: V) -> None:
        stored = _Stored(key=key, verdict=verdict.model_dump(mode="json"))
        with self._lock:
            self._known[key] = stored.verdict
            if self._path is not None:
                with append_jsonl(self._path) as file:
                    file.write(stored)


def ask_judge(model: Model, system: str, prompt: str, schema: str, max_tokens: int) -> str:
    """The model's greedy reply. Raises ``ProviderError`` and ``ContextFullError``."""
    messages = (Message(role=Role.SYSTEM, content=system), Message(role=Role.USER, content=prompt))
    return model.complete(Request(messages, max_tokens=max_tokens, seed=0, json_schema=schema))[0].text
