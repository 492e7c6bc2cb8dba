"""Opens the engine of a config.

In: a config of any kind, ours or a user's. Out: ``open_retriever`` for callers in this process: an engine with an
encoder gets one owner, batches and a cache, and any engine is abandoned after many failed searches in a row.
``open_engine`` is the engine alone, for the service, which has a queue of its own.
"""

from __future__ import annotations

from understudy.retrieval.batching import BatchingRetriever
from understudy.retrieval.config import (
    RETRIEVERS,
    DenseConfig,
    HybridConfig,
    LexicalConfig,
    MemoryConfig,
    QdrantConfig,
    RetrievalConfig,
    ShardsConfig,
)
from understudy.retrieval.corpus import read_passages
from understudy.retrieval.dense import DenseIndex, DenseRetriever, read_facts
from understudy.retrieval.encoder import Encoder, SharedEncoder, config_of, open_encoder
from understudy.retrieval.hybrid import HybridRetriever, ShardedRetriever
from understudy.retrieval.lexical import LexicalIndex, lexical_retriever
from understudy.retrieval.passages import JsonlPassages
from understudy.retrieval.qdrant import QdrantRetriever
from understudy.retrieval.retriever import Retriever
from understudy.retrieval.watched import WatchedRetriever

_WITH_ENCODER = (DenseConfig, HybridConfig, QdrantConfig, ShardsConfig)


def open_retriever(config: RetrievalConfig, encoder: Encoder | None = None) -> Retriever:
    """Open the engine of a config. ``encoder`` stands for one that no config can name.

    Raises ``IndexMismatchError`` or ``BadCorpusError`` if files do not fit together, ``OSError`` if they are
    missing, ``MissingExtraError`` if a package is.
    """
    engine = WatchedRetriever(open_engine(config, encoder))
    return BatchingRetriever(engine) if isinstance(config, _WITH_ENCODER) else engine


def open_engine(config: RetrievalConfig, encoder: Encoder | None = None) -> Retriever:
    """The engine of a config without queue and cache. Raises as ``open_retriever``."""
    return RETRIEVERS.open(config, encoder) if isinstance(config, _WITH_ENCODER) else RETRIEVERS.open(config)


def open_memory(config: MemoryConfig) -> Retriever:
    """BM25 over a corpus file, indexed now."""
    return lexical_retriever(list(read_passages(config.corpus)))


def open_lexical(config: LexicalConfig) -> Retriever:
    """BM25 in an index folder."""
    return LexicalIndex.open(JsonlPassages(config.folder, config.corpus), config.folder)


def open_dense(config: DenseConfig, encoder: Encoder | None = None) -> Retriever:
    """Dense search in an index folder."""
    passages = JsonlPassages(config.folder, config.corpus)
    index = DenseIndex.open(config.folder, passages.content_hash, exact=config.exact, device=config.device)
    if encoder is None:
        encoder = open_encoder(config.encoder or config_of(index.facts.encoder))
    return DenseRetriever(index, encoder, passages)


def open_hybrid(config: HybridConfig, encoder: Encoder | None = None) -> Retriever:
    """BM25 and dense search of one folder, fused."""
    lexical = LexicalConfig(folder=config.dense.folder, corpus=config.dense.corpus)
    return HybridRetriever([open_dense(config.dense, encoder), open_lexical(lexical)], config.depth)


def open_qdrant(config: QdrantConfig, encoder: Encoder | None = None) -> Retriever:
    """A collection of a Qdrant server."""
    return QdrantRetriever(config, encoder or open_encoder(config.encoder))


def open_shards(config: ShardsConfig, encoder: Encoder | None = None) -> Retriever:
    """All shards of this process share the encoder of the first; a shard refuses an encoder that does not match."""
    local = [shard for shard in config.shards if isinstance(shard, DenseConfig)]
    if encoder is None and local:
        encoder = open_encoder(local[0].encoder or config_of(read_facts(local[0].folder).encoder))
    shared = None if encoder is None else SharedEncoder(encoder)
    return ShardedRetriever([open_engine(shard, shared) for shard in config.shards])
