"""The adapter against qdrant-client's own engine in memory: it speaks the same calls as a server.

No Qdrant server can be installed from PyPI, Debian or npm (the npm packages fetch one from elsewhere), so what a server
adds (binary codes, rescoring, the network) is not covered here.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qdrant_client")

from tests.retrieval.conftest import word_vectors
from understudy.retrieval import CallableEncoder, IndexMismatchError, Passage, QdrantConfig, StaticEncoderConfig
from understudy.retrieval.passages import MemoryPassages
from understudy.retrieval.qdrant import QdrantRetriever, connect, upload

CONFIG = QdrantConfig(url=":memory:", collection="towns", encoder=StaticEncoderConfig(model="unused"))

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*local mode.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode.*:UserWarning"),
]


def test_it_answers_as_exact_search_does(passages: list[Passage], encoder: CallableEncoder) -> None:
    rows = passages[:600]
    client = connect(CONFIG)
    upload(client, "towns", MemoryPassages(rows), encoder)
    done: list[int] = []
    upload(client, "towns", MemoryPassages(rows), encoder, done.append)  # again, as after a cut
    assert sum(done) == 600
    retriever = QdrantRetriever(CONFIG, encoder, client)
    queries = [" ".join(passage.text.split()[2:9]) for passage in rows[::25]]
    scores = encoder.encode_queries(queries) @ encoder.encode_passages([p.contents for p in rows]).T
    for hits, of_query in zip(retriever.search(queries, 5), scores, strict=True):
        best = np.argsort(-of_query)[:5]
        assert [hit.passage for hit in hits] == [rows[row] for row in best]
        np.testing.assert_allclose([hit.score for hit in hits], of_query[best], atol=1e-3)
    assert retriever.search([], 3) == []
    retriever.close()


def test_another_encoder_corpus_or_collection_is_refused(passages: list[Passage], encoder: CallableEncoder) -> None:
    client = connect(CONFIG)
    with pytest.raises(IndexMismatchError, match="there is none"):
        QdrantRetriever(CONFIG, encoder, client)
    upload(client, "towns", MemoryPassages(passages[:50]), encoder)
    with pytest.raises(IndexMismatchError, match="another encoder"):
        QdrantRetriever(CONFIG, CallableEncoder(word_vectors, name="other"), client)
    with pytest.raises(IndexMismatchError, match="another corpus"):
        upload(client, "towns", MemoryPassages(passages[:20]), encoder)
    client.close()
