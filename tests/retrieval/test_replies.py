from __future__ import annotations

import json

import pytest

from understudy.retrieval import Hit, Passage
from understudy.retrieval.replies import ReplyError, read_reply

AARON = '"Aaron"\nAaron was a prophet.'
PASSAGE = Passage("7", "Aaron", "Aaron was a prophet.")


def read_one(result: object, **beside: object) -> list[Hit]:
    (hits,) = read_reply(json.dumps({"result": result, **beside}).encode(), 1)
    return hits


@pytest.mark.parametrize(
    ("document", "passage"),
    [
        ({"id": "7", "contents": AARON}, PASSAGE),
        ({"id": 7, "contents": AARON}, PASSAGE),
        ({"_id": "7", "contents": AARON, "url": "x", "vector": [0.1, None]}, PASSAGE),
        ({"docid": 7, "contents": AARON, "title": "Aaron", "text": "other"}, PASSAGE),
        ({"id": "7", "title": "Aaron", "text": "Aaron was a prophet."}, PASSAGE),
        ({"id": "7", "title": "Aaron", "contents": "Aaron was a prophet."}, PASSAGE),
        ({"id": "7", "title": '"Aaron"', "content": "Aaron was a prophet."}, Passage("7", '"Aaron"', PASSAGE.text)),
        ({"id": "7", "contents": "Aaron\nAaron was a prophet."}, PASSAGE),
        ({"id": "7", "contents": '"Aaron"\r\nAaron was a prophet.'}, PASSAGE),
        ({"id": "7", "title": None, "contents": AARON}, PASSAGE),
        ({"id": "7", "page_content": AARON, "metadata": {"title": "Aaron"}}, PASSAGE),
        ({"page_content": "Aaron was a prophet.", "metadata": {"title": "Aaron", "id": 7}}, PASSAGE),
        ({"id": "7", "text": ["Aaron was", "a prophet."], "title": "Aaron"}, PASSAGE),
        ({"id": "7", "text": "", "contents": AARON}, PASSAGE),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_document_is_read_whatever_its_columns(document: dict[str, object], passage: Passage, wrapped: bool) -> None:
    item = {"document": document, "score": 0.5} if wrapped else {**document, "score": 0.5}
    assert read_one([[item]]) == [Hit(passage, 0.5)]


@pytest.mark.parametrize(
    ("item", "score"),
    [
        ({"document": {"id": "7", "contents": AARON}}, None),
        ({"document": {"id": "7", "contents": AARON}, "score": None}, None),
        ({"document": {"id": "7", "contents": AARON}, "score": "0.25"}, 0.25),
        ({"document": {"id": "7", "contents": AARON}, "score": 3}, 3.0),
        ({"document": {"id": "7", "contents": AARON, "score": 0.25}}, 0.25),
        ({"document": {"id": "7", "contents": AARON}, "similarity": 0.25}, 0.25),
        ({"document": {"contents": AARON}, "id": 7, "score": 0.25}, 0.25),
        ({"document": AARON, "id": 7, "score": 0.25}, 0.25),
        ({"doc": {"id": 7, "text": AARON}, "score": 0.25}, 0.25),
        ({"passage": AARON, "id": "7", "score": 0.25}, 0.25),
        ([{"id": "7", "contents": AARON}, 0.25], 0.25),
        ({"_id": "7", "_score": 0.25, "_source": {"contents": AARON}}, 0.25),
    ],
)
def test_scores_and_ids_may_stand_anywhere_or_nowhere(item: object, score: float | None) -> None:
    assert read_one([[item]]) == [Hit(PASSAGE, score)]


def test_a_document_without_id_is_named_by_its_text() -> None:
    first, second, again = read_one([[{"contents": AARON}, {"contents": "other"}, AARON]])
    assert first.passage == again.passage
    assert first.passage.id != second.passage.id


ITEM = {"document": {"id": "7", "contents": AARON}, "score": 0.25}
BARE = {"id": "7", "contents": AARON}


@pytest.mark.parametrize(
    "body",
    [
        {"result": [[ITEM]]},
        {"result": [ITEM]},
        {"result": [[[ITEM]]]},
        {"result": [[BARE, 0.25]]},
        {"result": [[[BARE, 0.25]]]},
        {"results": [[ITEM]]},
        {"data": {"result": [[ITEM]]}},
        {"documents": [[BARE]], "scores": [[0.25]]},
        {"result": {"documents": [[BARE]], "scores": [[0.25]]}},
        {"result": [BARE], "scores": [0.25]},
        {"result": [{"query": "a", "hits": [ITEM]}]},
        {"result": [{"documents": [BARE], "scores": [0.25]}]},
        {"result": [[ITEM, None]]},
        [[ITEM]],
        [ITEM],
    ],
)
def test_the_list_of_documents_is_found(body: object) -> None:
    assert read_reply(json.dumps(body).encode(), 1) == [[Hit(PASSAGE, 0.25)]]


def test_several_queries_keep_their_order_and_may_have_no_hits() -> None:
    body = {"result": [[ITEM], [], [{"document": {"id": 8, "contents": "x"}}]]}
    assert read_reply(json.dumps(body).encode(), 3) == [[Hit(PASSAGE, 0.25)], [], [Hit(Passage("8", "", "x"), None)]]


def test_two_queries_answered_by_pairs() -> None:
    body = {"result": [[[BARE, 0.25]], [[BARE, 0.5]]]}
    assert read_reply(json.dumps(body).encode(), 2) == [[Hit(PASSAGE, 0.25)], [Hit(PASSAGE, 0.5)]]


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (b"{}", "expected"),
        (b"<html>Not found</html>", "<html>Not found"),
        (b'{"error": "no index"}', "no index"),
        (b'{"result": null}', '"result": null'),
        (b'{"result": []}', "1 queries were sent, 0 were answered"),
        (b'{"result": [[], []]}', "2 were answered"),
        (b'{"result": [[{"document": {"id": "7", "embedding": [1]}}]]}', "embedding"),
        (b'{"result": [[3]]}', "expected a document, got 3"),
        (b'"text"', "text"),
        (b"\xff\xfe", "expected JSON"),
    ],
)
def test_what_cannot_be_read_is_shown(reply: bytes, complaint: str) -> None:
    with pytest.raises(ReplyError, match=r"expected|queries were sent") as raised:
        read_reply(reply, 1)
    assert complaint in str(raised.value)
    assert len(str(raised.value)) < 1500


@pytest.mark.parametrize(
    "body",
    [
        {"matches": [{"id": "7", "score": 0.5, "metadata": {"text": AARON}}]},
        {"result": {"points": [{"id": "7", "score": 0.5, "payload": {"text": AARON}}]}},
        {"organic": [{"id": 7, "title": "Aaron", "snippet": "Aaron was a prophet.", "score": 0.5}]},
        {"web": {"results": [{"id": 7, "title": "Aaron", "snippet": "Aaron was a prophet.", "score": 0.5}]}},
        {"hits": {"hits": [{"_id": "7", "_score": 0.5, "_source": {"contents": AARON}}]}},
        {"result": [{"id": 7, "score": 0.5, "payload": {"text": AARON}}]},
    ],
)
def test_replies_of_vector_databases_and_web_searches_are_read(body: dict[str, object]) -> None:
    assert read_reply(json.dumps(body).encode(), 1) == [[Hit(PASSAGE, 0.5)]]
