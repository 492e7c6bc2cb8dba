"""An engine that is abandoned after many failed searches in a row.

In: any ``Retriever``. Out: the same answers, until ``MAX_FAILED`` calls in a row have failed; then ``SearchDownError``
with the last reason, at once and for every further call. It is not a ``RetrievalError``, so agents do not catch it and
the stage ends: attempts without search would cost money in vain.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from understudy.retrieval.retriever import BadQueryError, Hit, Retriever, SearchDownError, as_retrieval_error

MAX_FAILED = 20
"""Each failed search over the network was already tried several times, with pauses."""


class WatchedRetriever:
    """See ``Retriever``."""

    def __init__(self, engine: Retriever, max_failed: int = MAX_FAILED) -> None:
        self._engine = engine
        self._max_failed = max_failed
        self._lock = threading.Lock()
        self._n_failed = 0
        """Failed searches since the last success."""
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
