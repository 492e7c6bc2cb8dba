"""Parts of a user: a search engine as a class, as functions, and an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from tests.retrieval.conftest import DIM, word_vectors
from understudy.retrieval import CallableEncoder, Hit, Passage


class Notes:
    """Finds notes that contain a word."""

    class Config(BaseModel):
        folder: Path
        suffix: Annotated[str, Field(min_length=1)] = ".txt"

    def __init__(self, config: Config) -> None:
        self._notes = {path.stem: path.read_text() for path in sorted(config.folder.glob(f"*{config.suffix}"))}

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [
            [Hit(Passage(name, name, text), 1.0) for name, text in self._notes.items() if query in text][:k]
            for query in queries
        ]

    def close(self) -> None: ...


def shout(query: str, k: int) -> list[object]:
    """Every kind of thing that a function may return."""
    return [
        query.upper(),
        Passage("1", "T", query),
        Hit(Passage("2", "", "x"), 0.5),
        {"id": 3, "text": "y"},
        ("z", 0.25),
    ]


def one_text(query: str, k: int) -> str:
    return query


class WordEncoder(CallableEncoder):
    """Random vectors of words."""

    class Config(BaseModel):
        scale: float = 1.0

    def __init__(self, config: Config) -> None:
        super().__init__(lambda texts: config.scale * word_vectors(texts), name=f"words-{DIM}")
