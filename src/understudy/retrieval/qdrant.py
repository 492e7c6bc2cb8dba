"""The same search in a Qdrant server: for corpora that exceed one machine, or users who run such a server.

In: a ``QdrantConfig`` and an encoder. Out: a ``Retriever``. ``upload`` fills a collection: 1-bit codes in memory,
the vectors and passages on disk, as our own index lays them out. Searches oversample by codes and let the server
rescore with the vectors. The encoder's facts are kept in a collection beside it; another encoder is refused.

Point ids are row numbers. Not covered: other vector databases, which could implement the same protocol.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from understudy.extras import require
from understudy.retrieval.config import QdrantConfig
from understudy.retrieval.dense import refuse_other_encoder
from understudy.retrieval.encoder import Encoder, EncoderFacts
from understudy.retrieval.files import IndexMismatchError
from understudy.retrieval.passages import Advance, PassageStore, no_advance
from understudy.retrieval.retriever import Hit, Passage, RetrievalError

if TYPE_CHECKING:
    from qdrant_client import QdrantClient
    from qdrant_client.models import PointStruct, ScoredPoint

_FACTS_COLLECTION_SUFFIX = ".facts"
_BATCH_ROWS = 256


class QdrantRetriever:
    """See ``Retriever``. Scores are the cosines that the server computed."""

    def __init__(self, config: QdrantConfig, encoder: Encoder, client: QdrantClient | None = None) -> None:
        """Raises ``IndexMismatchError`` if there is no such collection or another encoder filled it."""
        self._config = config
        self._encoder = encoder
        self._client = client or connect(config)
        refuse_other_encoder(_stored_facts(self._client, config.collection), encoder.facts)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. Equal scores are ordered by row."""
        from qdrant_client import models

        if not queries or k < 1:
            return [[] for _ in queries]
        parameters = models.SearchParams(
            quantization=models.QuantizationSearchParams(rescore=True, oversampling=self._config.oversampling)
        )
        requests = [
            models.QueryRequest(query=vector.tolist(), limit=k, with_payload=True, params=parameters)
            for vector in self._encoder.encode_queries(queries)
        ]
        try:
            replies = self._client.query_batch_points(self._config.collection, requests)
        except Exception as error:  # the client raises exceptions of httpx, grpc and its own
            raise RetrievalError(f"{self._config.url}: {type(error).__name__}: {error}") from error
        return [_hits(reply.points) for reply in replies]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def connect(config: QdrantConfig) -> QdrantClient:
    """A client for the server of a config; opens no connection yet."""
    require("qdrant", "a search in Qdrant")
    from qdrant_client import QdrantClient

    if config.url == ":memory:":
        return QdrantClient(":memory:")
    key = os.environ.get(config.api_key_env) if config.api_key_env else None
    return QdrantClient(url=config.url, api_key=key, timeout=config.timeout_s)


def upload(
    client: QdrantClient, collection: str, passages: PassageStore, encoder: Encoder, advance: Advance = no_advance
) -> None:
    """Fill a collection with all passages. Repeating it overwrites the same points, so an interrupted upload can be
    repeated.
    """
    from qdrant_client import models

    if not client.collection_exists(collection):
        client.create_collection(
            collection,
            vectors_config=models.VectorParams(
                size=encoder.facts.dim, distance=models.Distance.COSINE, on_disk=True, datatype=models.Datatype.FLOAT16
            ),
            quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),
            on_disk_payload=True,
        )
    for points in _points(passages, encoder):
        client.upsert(collection, points, wait=True)
        advance(len(points))
    if client.count(collection).count != len(passages):
        raise IndexMismatchError(f"{collection}: expected {len(passages)} points, it holds another corpus")
    _store_facts(client, collection, encoder.facts)


def _points(passages: PassageStore, encoder: Encoder) -> Iterator[list[PointStruct]]:
    from qdrant_client.models import PointStruct

    rows, numbered = 0, passages.scan()
    while block := list(islice(numbered, _BATCH_ROWS)):
        vectors = encoder.encode_passages([passage.contents for passage in block])
        yield [
            PointStruct(id=rows + number, vector=vectors[number].tolist(), payload=_payload(passage))
            for number, passage in enumerate(block)
        ]
        rows += len(block)


def _payload(passage: Passage) -> dict[str, str]:
    return {"id": passage.id, "title": passage.title, "text": passage.text}


def _hits(points: Sequence[ScoredPoint]) -> list[Hit]:
    ranked = sorted(points, key=lambda point: (-point.score, int(point.id)))
    return [Hit(_passage(point), float(point.score)) for point in ranked]


def _passage(point: ScoredPoint) -> Passage:
    payload = point.payload or {}
    return Passage(str(payload["id"]), str(payload["title"]), str(payload["text"]))


def _store_facts(client: QdrantClient, collection: str, facts: EncoderFacts) -> None:
    """The facts are stored in a collection of one point beside the passages, which every server version supports."""
    from qdrant_client import models

    name = collection + _FACTS_COLLECTION_SUFFIX
    if not client.collection_exists(name):
        client.create_collection(name, vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT))
    point_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    client.upsert(name, [models.PointStruct(id=point_id, vector=[1.0], payload=facts.model_dump())], wait=True)


def _stored_facts(client: QdrantClient, collection: str) -> EncoderFacts:
    name = collection + _FACTS_COLLECTION_SUFFIX
    if not client.collection_exists(collection) or not client.collection_exists(name):
        raise IndexMismatchError(f"{collection}: expected a collection that `upload` has filled, there is none")
    points, _ = client.scroll(name, limit=1)
    return EncoderFacts.model_validate(points[0].payload)
