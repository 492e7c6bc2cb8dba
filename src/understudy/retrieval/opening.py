"""From a config to an engine that answers.

``open_retriever`` is for callers in this process: an engine with an encoder gets one owner, batches and a cache.
``open_engine`` is the engine alone, for the service, which has its own.
"""

from __future__ import annotations

from understudy.retrieval.batching import BatchingRetriever
from understudy.retrieval.config import (
    DenseConfig,
    HttpConfig,
    HybridConfig,
    LexicalConfig,
    MemoryConfig,
    QdrantConfig,
    RetrievalConfig,
    ShardsConfig,
)
from understudy.retrieval.encoder import Encoder
from understudy.retrieval.retriever import Retriever
from understudy.retrieval.watched import WatchedRetriever


def open_retriever(config: RetrievalConfig, encoder: Encoder | None = None) -> Retriever:
    """Open the engine of a config. ``encoder`` stands for one that no config can name.

    Raises ``IndexMismatchError`` or ``BadCorpusError`` where files do not fit together, ``OSError`` where they lack.
    """
    engine = WatchedRetriever(open_engine(config, encoder))
    is_batched = isinstance(config, DenseConfig | HybridConfig | QdrantConfig | ShardsConfig)
    return BatchingRetriever(engine) if is_batched else engine


def open_engine(config: RetrievalConfig, encoder: Encoder | None = None) -> Retriever:
    """The engine of a config without queue and cache. Raises as ``open_retriever``."""
    match config:
        case MemoryConfig() | LexicalConfig():
            return _open_lexical(config)
        case DenseConfig():
            return _open_dense(config, encoder)
        case HybridConfig():
            from understudy.retrieval.hybrid import HybridRetriever

            words = LexicalConfig(folder=config.dense.folder, corpus=config.dense.corpus)
            return HybridRetriever([_open_dense(config.dense, encoder), _open_lexical(words)], config.depth)
        case ShardsConfig():
            return _open_shards(config, encoder)
        case QdrantConfig():
            from understudy.retrieval.encoder import open_encoder
            from understudy.retrieval.qdrant import QdrantRetriever

            return QdrantRetriever(config, encoder or open_encoder(config.encoder))
        case HttpConfig():
            from understudy.retrieval.client import HttpRetriever

            return HttpRetriever(config)


def _open_lexical(config: LexicalConfig | MemoryConfig) -> Retriever:
    from understudy.retrieval.corpus import read_passages
    from understudy.retrieval.lexical import LexicalIndex, lexical_retriever
    from understudy.retrieval.passages import JsonlPassages

    if isinstance(config, MemoryConfig):
        return lexical_retriever(list(read_passages(config.corpus)))
    return LexicalIndex.open(JsonlPassages(config.folder, config.corpus), config.folder)


def _open_shards(config: ShardsConfig, encoder: Encoder | None) -> Retriever:
    """All shards of this process share one encoder, the first one's; one that does not fit a shard is refused there."""
    from understudy.retrieval.dense import read_facts
    from understudy.retrieval.encoder import SharedEncoder, config_of, open_encoder
    from understudy.retrieval.hybrid import ShardedRetriever

    local = [shard for shard in config.shards if isinstance(shard, DenseConfig)]
    if encoder is None and local:
        encoder = open_encoder(local[0].encoder or config_of(read_facts(local[0].folder).encoder))
    shared = None if encoder is None else SharedEncoder(encoder)
    return ShardedRetriever([open_engine(shard, shared) for shard in config.shards])


def _open_dense(config: DenseConfig, encoder: Encoder | None) -> Retriever:
    from understudy.retrieval.dense import DenseIndex, DenseRetriever
    from understudy.retrieval.encoder import config_of, open_encoder
    from understudy.retrieval.passages import JsonlPassages

    passages = JsonlPassages(config.folder, config.corpus)
    index = DenseIndex.open(config.folder, passages.content_hash, exact=config.exact, device=config.device)
    if encoder is None:
        encoder = open_encoder(config.encoder or config_of(index.facts.encoder))
    return DenseRetriever(index, encoder, passages)
