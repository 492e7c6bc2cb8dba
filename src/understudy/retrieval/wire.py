"""The words of ``POST /retrieve``, as Search-R1's clients and servers speak them.

Request: ``{"queries": […], "topk": 3, "return_scores": true}``. Reply: ``{"result": [[{"document": {"id", "contents"},
"score"}, …], …]}``, one list a query; without scores each hit is the bare document. A refusal is
``{"error": "…"}`` with a status that says whose mistake it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from understudy.records import Record
from understudy.retrieval.corpus import passage_of_contents
from understudy.retrieval.retriever import Hit, Passage

MAX_K = 1000
MAX_QUERIES = 1024
MAX_QUERY_CHARS = 20_000

QueryText = Annotated[str, Field(max_length=MAX_QUERY_CHARS)]


class RetrieveRequest(Record):
    """The body of a request."""

    queries: Annotated[tuple[QueryText, ...], Field(max_length=MAX_QUERIES)]
    topk: Annotated[int, Field(ge=1, le=MAX_K)] | None = None
    """None asks for as many as the server gives by default."""
    return_scores: bool = False


class Document(Record):
    """A passage as it is sent."""

    id: str
    contents: str


class ScoredDocument(Record):
    """A hit as it is sent."""

    document: Document
    score: float


class RetrieveReply(Record):
    """The body of a reply with scores."""

    result: tuple[tuple[ScoredDocument, ...], ...]


def reply_bytes(answers: Sequence[Sequence[Hit]], *, return_scores: bool) -> bytes:
    """The JSON of a reply. Scores are written so that they are read back to the last bit."""
    result = [[_hit(hit, return_scores=return_scores) for hit in hits] for hits in answers]
    return json.dumps({"result": result}, separators=(",", ":")).encode()


def hits_of(reply: RetrieveReply) -> list[list[Hit]]:
    """The hits of a reply, as the engine at the other end gave them."""
    return [[Hit(_passage(scored.document), scored.score) for scored in scored_list] for scored_list in reply.result]


def _hit(hit: Hit, *, return_scores: bool) -> dict[str, object]:
    document: dict[str, object] = {"id": hit.passage.id, "contents": hit.passage.contents}
    return {"document": document, "score": hit.score} if return_scores else document


def _passage(document: Document) -> Passage:
    return passage_of_contents(document.id, document.contents)
