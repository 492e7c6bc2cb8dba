"""The one protocol of all search engines: queries in, ranked passages out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that can be found."""

    id: str
    title: str
    text: str

    @property
    def contents(self) -> str:
        """Title and text as one string, in the form of Search-R1's corpora: what is indexed, encoded and sent."""
        return f'"{self.title}"\n{self.text}' if self.title else self.text


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with the score it was ranked by."""

    passage: Passage
    score: float
    """Cosine similarity for dense engines, BM25 for lexical ones, reciprocal-rank sum for hybrid ones."""


class RetrievalError(Exception):
    """The engine could not answer. Agents turn it into an observation."""


class Retriever(Protocol):
    """Ranks passages for queries. Safe to call from many threads at once."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query, in order, at most ``k`` hits, best first. Raises ``RetrievalError``."""
        ...

    def close(self) -> None: ...
