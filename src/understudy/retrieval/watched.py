"""An engine that is given up when search after search fails.

In: any ``Retriever``. Out: the same answers, until ``MAX_FAILED`` calls in a row have failed; then
``SearchDownError`` with the last reason, at once and for every further call. It is no ``RetrievalError``, so it passes
through agents and ends the stage: attempts that cannot search are paid for and lead nowhere.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from understudy.retrieval.retriever import BadQueryError, Hit, Retriever, SearchDownError, as_retrieval_error

MAX_FAILED = 20
"""Each of them has already been tried several times, with pauses, if it went over the network."""


class WatchedRetriever:
    """See ``Retriever``."""

    def __init__(self, engine: Retriever, max_failed: int = MAX_FAILED) -> None:
        self._engine = engine
        self._max_failed = max_failed
        self._lock = threading.Lock()
        self._n_failed = 0
        """Since the last answer."""
        self._reason = ""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. Raises ``SearchDownError`` too."""
        self._refuse_when_down()
        try:
            answers = self._engine.search(queries, k)
        except BadQueryError:
            raise
        except Exception as error:
            failure = as_retrieval_error(error)
            with self._lock:
                self._n_failed += 1
                self._reason = str(failure)
            self._refuse_when_down()
            raise failure from error
        with self._lock:
            self._n_failed = 0
        return answers

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def _refuse_when_down(self) -> None:
        with self._lock:
            if self._n_failed >= self._max_failed:
                raise SearchDownError(
                    f"{self._n_failed} searches in a row have failed, so no more are made. The last one: {self._reason}"
                )
