from __future__ import annotations

from collections.abc import Sequence

import pytest

from understudy.retrieval import BadQueryError, Hit, Passage, RetrievalError, SearchDownError
from understudy.retrieval.watched import WatchedRetriever


class Moody:
    """An engine that raises what its query names."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        raised = {"down": RetrievalError("no route"), "odd": BadQueryError("too long"), "disk": OSError("gone")}
        if queries[0] in raised:
            raise raised[queries[0]]
        return [[Hit(Passage("1", "", query), 1.0)][:k] for query in queries]

    def close(self) -> None: ...


def ask(retriever: WatchedRetriever, *queries: str) -> list[str]:
    seen = []
    for query in queries:
        try:
            retriever.search([query], 1)
            seen.append("answered")
        except (RetrievalError, SearchDownError) as error:
            seen.append(type(error).__name__)
    return seen


def test_an_engine_that_never_answers_is_given_up() -> None:
    retriever = WatchedRetriever(Moody(), max_failed=3)
    assert ask(retriever, "down", "down") == ["RetrievalError"] * 2
    with pytest.raises(SearchDownError, match=r"3 searches in a row.*no route"):
        retriever.search(["down"], 1)
    assert ask(retriever, "fine") == ["SearchDownError"]  # it is not asked any more


def test_an_answer_in_between_starts_the_count_again() -> None:
    retriever = WatchedRetriever(Moody(), max_failed=3)
    assert ask(retriever, "down", "down", "fine", "down", "disk", "fine").count("SearchDownError") == 0
    assert ask(retriever, "disk", "down", "disk")[-1] == "SearchDownError"


def test_a_bad_query_says_nothing_about_the_engine() -> None:
    assert ask(WatchedRetriever(Moody(), max_failed=2), *["odd"] * 5) == ["BadQueryError"] * 5
