"""The one protocol of all search engines: queries in, ranked passages out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that a search can find."""

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
    score: float | None
    """Cosine similarity for dense engines, BM25 for lexical ones, reciprocal-rank sum for hybrid ones. None if a server
    returned no score; then only its order is known."""


class RetrievalError(Exception):
    """The engine failed. This is an infrastructure error, not an error of the query."""


class BadQueryError(RetrievalError):
    """The engine works, but this query cannot be answered, such as one that is too long."""


class SearchDownError(Exception):
    """Too many searches in a row failed, so further searches are pointless."""


class Retriever(Protocol):
    """Ranks passages for queries. Safe to call from many threads at once."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query, in order, at most ``k`` hits, best first. Raises ``RetrievalError``."""
        ...

    def close(self) -> None: ...


def as_retrieval_error(error: Exception) -> RetrievalError | SearchDownError:
    """Any exception of an engine as a ``RetrievalError`` or ``BadQueryError``."""
    if isinstance(error, RetrievalError | SearchDownError):
        return error
    failure = RetrievalError(f"the search engine failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
