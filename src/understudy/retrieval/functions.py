"""A plain function as a search engine.

In: ``function(query, k)`` that returns the best passages first: texts, ``Passage`` or ``Hit`` objects, or documents
as a search server would send them. Out: a ``Retriever``. The function is called from many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from understudy.retrieval.replies import ReplyError, hit_of
from understudy.retrieval.retriever import Hit, Passage, RetrievalError


class FunctionRetriever:
    """See ``Retriever``."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``."""
        return [self._hits(self._function(query, k))[:k] for query in queries]

    def close(self) -> None:
        """Nothing is held."""

    def _hits(self, found: object) -> list[Hit]:
        if isinstance(found, str) or not isinstance(found, Iterable):
            raise RetrievalError(f"{self._name}: expected a list of passages, got {found!r:.200}")
        return [self._hit(one) for one in found]

    def _hit(self, found: object) -> Hit:
        if isinstance(found, Hit):
            return found
        if isinstance(found, Passage):
            return Hit(found, None)
        try:
            return hit_of(found)
        except ReplyError as error:
            raise RetrievalError(f"{self._name}: {error}") from error

    @property
    def _name(self) -> str:
        return getattr(self._function, "__qualname__", repr(self._function))
