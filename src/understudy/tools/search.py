"""The search tool: a query in, the text of the best passages out.

In: a ``Retriever``. Out: a ``Tool`` named ``web_search``, pure, so that candidates of one step share its answers, and a
cache shares them between episodes. Not here: ranking (``understudy.retrieval``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from understudy.annotations import SpeedOnly
from understudy.records import Record
from understudy.retrieval import BadQueryError, Hit, Retriever, SearchDownError, as_retrieval_error
from understudy.tools.base import Tool, ToolDownError, ToolError, ToolUnavailableError

NAME = "web_search"


class SearchShape(StrEnum):
    """How hits are written."""

    FULL = "full"
    """Number, title and score on one line, the passage below it."""
    BRIEF = "brief"
    """The passages alone, one per line: for models of a million parameters."""


class SearchConfig(Record):
    """The search tool of a recipe."""

    k: PositiveInt = 3
    """Passages a search."""
    shape: SearchShape = SearchShape.FULL
    cache_size: Annotated[NonNegativeInt, SpeedOnly] = 10_000
    """Answers kept in memory for all episodes."""
    timeout_s: PositiveFloat = 60.0


class SearchTool:
    """Answers queries with text. Safe to call from many threads at once."""

    def __init__(self, retriever: Retriever, config: SearchConfig) -> None:
        self._retriever = retriever
        self._config = config
        self._answers: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self.n_searches = 0
        """Queries that reached the retriever."""

    def __call__(self, query: str) -> str:
        """Text of the hits. Raises ``ToolError`` for a query that cannot be answered, ``ToolUnavailableError`` if
        the engine fails.
        """
        if not isinstance(query, str) or not query.strip():
            raise ToolError(f"{NAME} expects the query as a text that is not empty, got {query!r:.80}")
        query = " ".join(query.split())
        with self._lock:
            if query in self._answers:
                self._answers.move_to_end(query)
                return self._answers[query]
            self.n_searches += 1
        answer = write_hits(self._search(query), self._config.shape)
        with self._lock:
            self._answers[query] = answer
            if len(self._answers) > self._config.cache_size:
                self._answers.popitem(last=False)
        return answer

    def _search(self, query: str) -> list[Hit]:
        try:
            return self._retriever.search([query], self._config.k)[0]
        except BadQueryError as error:
            raise ToolError(f"the search failed: {error}") from error
        except SearchDownError as error:
            raise ToolDownError(str(error)) from error
        except Exception as error:  # an engine is foreign code, and its errors are not the agent's
            raise ToolUnavailableError(f"the search failed: {as_retrieval_error(error)}") from error

    def tool(self) -> Tool:
        """This search as a tool."""
        return Tool(
            name=NAME,
            signature="(query: str) -> str",
            description=(
                f"Search an encyclopedia. Gives the {self._config.k} passages closest to the query, best first.\n"
                "query: what to look for, in a few words."
            ),
            function=self,
            pure=True,
            is_search=True,
            timeout_s=self._config.timeout_s,
            is_service=True,
        )


def write_hits(hits: Sequence[Hit], shape: SearchShape) -> str:
    """Hits as text for a model to read."""
    if not hits:
        return "No passage found."
    if shape is SearchShape.BRIEF:
        return "\n".join(hit.passage.text.strip() for hit in hits)
    return "\n".join(
        f"[{rank}] {hit.passage.title}{_score(hit)}\n{hit.passage.text.strip()}" for rank, hit in enumerate(hits, 1)
    )


def _score(hit: Hit) -> str:
    return "" if hit.score is None else f" (score {hit.score:.3f})"
