"""Requests and replies of ``POST /retrieve``, in the form of Search-R1's clients and servers.

Request: ``{"queries": […], "topk": 3, "return_scores": true}``. Reply: ``{"result": [[{"document": {"id", "contents"},
"score"}, …], …]}``, one list a query; without scores each hit is the bare document. A refusal is
``{"error": "…"}`` with a status that says whose mistake it was. Not here: replies of other servers (``replies``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from understudy.records import Record
from understudy.retrieval.retriever import Hit

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


def reply_bytes(answers: Sequence[Sequence[Hit]], *, return_scores: bool) -> bytes:
    """The JSON of a reply. Scores are written so that they are read back to the last bit."""
    result = [[_hit(hit, return_scores=return_scores) for hit in hits] for hits in answers]
    return json.dumps({"result": result}, separators=(",", ":")).encode()


def _hit(hit: Hit, *, return_scores: bool) -> dict[str, object]:
    document: dict[str, object] = {"id": hit.passage.id, "contents": hit.passage.contents}
    return {"document": document, "score": hit.score} if return_scores else document
