"""Replies of search servers → hits, for many names of columns.

In: the bytes of a reply to ``POST /retrieve``. Out: one list of hits for each query, in the server's order.

Search-R1's form is ``{"result": [[{"document": {"id", "contents"}, "score"}, …], …]}``. Servers of its kind leave out
ids or scores, add columns, name them otherwise, send bare documents, pairs or texts, or answer a single query with a
flat list. A reply that still cannot be read raises ``ReplyError`` with a sample of it. Not here: HTTP (``client``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from pydantic_core import from_json

from understudy.retrieval.corpus import passage_of_contents, titled
from understudy.retrieval.retriever import Hit
from understudy.runs import digest

_ANSWER_KEYS = (
    "result", "results", "documents", "docs", "passages", "hits", "retrieved", "data", "response", "output", "answers",
    "matches", "points", "organic", "web",
)  # fmt: skip
_DOCUMENT_KEYS = ("document", "doc", "passage", "_source", "payload")
_TEXT_KEYS = ("contents", "content", "text", "passage", "passage_text", "page_content", "body", "snippet", "chunk")
_ID_KEYS = ("id", "_id", "doc_id", "docid", "document_id", "passage_id", "pid")
_SCORE_KEYS = ("score", "_score", "similarity", "relevance_score")
_SAMPLE_CHARS = 300

Fields = Mapping[str, object]


class ReplyError(ValueError):
    """A reply is not one that can be read; the message says what was expected and shows the beginning of it."""


def read_reply(reply: bytes, n_queries: int) -> list[list[Hit]]:
    """The hits for each query. Raises ``ReplyError``."""
    try:
        body = from_json(reply)
    except ValueError as error:
        raise ReplyError(f"expected JSON ({error}); got {_sample(reply)}") from None
    answers, scores = _answers(body), _scores(body)
    if answers is None:
        raise ReplyError(f'expected {{"result": [one list of documents for each query]}}; got {_sample(reply)}')
    if n_queries == 1 and answers and not _is_answer(answers[0]):
        answers, scores = [answers], [scores]
    if len(answers) != n_queries:
        raise ReplyError(f"{n_queries} queries were sent, {len(answers)} were answered; got {_sample(reply)}")
    try:
        return [_hits(one, _at(scores, number)) for number, one in enumerate(answers)]
    except ReplyError as error:
        raise ReplyError(f"{error}; got {_sample(reply)}") from None


def _answers(body: object) -> list[object] | None:
    """The list in a reply, under any key."""
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    return next((found for key in _ANSWER_KEYS if (found := _answers(body.get(key))) is not None), None)


def _scores(body: object) -> object:
    """Scores that stand beside the documents instead of in them."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("scores"), list):
        return body["scores"]
    return next((found for key in _ANSWER_KEYS if (found := _scores(body.get(key))) is not None), None)


def _is_answer(value: object) -> bool:
    """Whether this is all that a query was answered with, rather than one document."""
    if isinstance(value, dict):
        return _answers(value) is not None and not any(isinstance(value.get(key), str) for key in _TEXT_KEYS)
    return isinstance(value, list) and not _is_pair(value)


def _is_pair(value: object) -> bool:
    """A document and its score."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], dict | str)
        and _number(value[1]) is not None
    )


def _hits(answer: object, scores: object) -> list[Hit]:
    if isinstance(answer, dict):
        scores = _scores(answer) or scores
    documents = _answers(answer)
    if documents is None:
        raise ReplyError(f"expected a list of documents for each query, got {_sample(answer)}")
    if _is_pair(documents):
        documents = [documents]
    while len(documents) == 1 and isinstance(documents[0], list) and not _is_pair(documents[0]):
        documents = documents[0]
    # Some servers fill up a short list with nulls.
    return [hit_of(one, _number(_at(scores, place))) for place, one in enumerate(documents) if one is not None]


def hit_of(item: object, score: float | None = None) -> Hit:
    """One document, with the score that stands beside it or in it. Raises ``ReplyError``."""
    if isinstance(item, tuple):
        item = list(item)
    if isinstance(item, list) and _is_pair(item):
        return hit_of(item[0], _number(item[1]))
    if isinstance(item, str):
        item = {"contents": item}
    if not isinstance(item, dict):
        raise ReplyError(f"expected a document, got {_sample(item)}")
    fields = dict(_flattened(item))
    text = _text(fields)
    if text is None:
        raise ReplyError(f"expected a document with its text under {', '.join(_TEXT_KEYS)}; got {_sample(item)}")
    own = next((found for key in _SCORE_KEYS if (found := _number(fields.get(key))) is not None), score)
    return Hit(titled(passage_of_contents(_id(fields, text), text), fields.get("title"), text), own)


def _flattened(item: Fields) -> Iterator[tuple[str, object]]:
    """The columns of a document and of its wrappers; the innermost come last and take precedence."""
    yield from item.items()
    for key in ("metadata", *_DOCUMENT_KEYS):
        inner = item.get(key)
        if isinstance(inner, dict):
            yield from _flattened(inner)
        elif isinstance(inner, str) and key != "metadata":
            yield "contents", inner


def _text(fields: Fields) -> str | None:
    texts = [joined for key in _TEXT_KEYS if (joined := _joined(fields.get(key))) is not None]
    return next((text for text in texts if text.strip()), texts[0] if texts else None)


def _joined(value: object) -> str | None:
    """A text; sentences in a list are joined."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return " ".join(value)
    return value if isinstance(value, str) else None


def _id(fields: Fields, text: str) -> str:
    """A document without an id is named by its text: the same text has the same id in every reply."""
    found = (fields.get(key) for key in _ID_KEYS)
    named = next((one for one in found if isinstance(one, str | int | float) and not isinstance(one, bool)), None)
    return digest(text) if named is None or named == "" else str(named)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _at(values: object, place: int) -> object:
    return (
        values[place] if isinstance(values, Sequence) and not isinstance(values, str) and place < len(values) else None
    )


def _sample(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _SAMPLE_CHARS else f"{text[:_SAMPLE_CHARS]}…"
