"""Retrieval: queries in, ranked passages out.

``open_retriever(config)`` opens any engine: BM25 (tantivy), dense search (faiss with binary quantisation and exact
rescoring), both fused, shards, a Qdrant server, a server of ours or of Search-R1's kind, or a user's own class or
function. All of them are ``Retriever``s and safe to call from many threads. ``build_index``, ``download_corpus``,
``serve_index`` and ``index_info`` are the commands of ``understudy index``. Not promised: that approximate search finds
everything that exact search finds (the index states its recall), or that BM25 scores can be compared between corpora.
"""

from understudy.retrieval.build import BuildConfig, IndexInfo, build_index, index_info
from understudy.retrieval.config import (
    RETRIEVERS,
    DenseConfig,
    HttpConfig,
    HybridConfig,
    LexicalConfig,
    MemoryConfig,
    QdrantConfig,
    RetrievalConfig,
    ShardsConfig,
)
from understudy.retrieval.corpus import BadCorpusError, read_passages
from understudy.retrieval.download import DownloadConfig, DownloadError, download_corpus
from understudy.retrieval.encoder import (
    ENCODERS,
    CallableEncoder,
    Encoder,
    EncoderConfig,
    StaticEncoderConfig,
    TransformerEncoderConfig,
    open_encoder,
)
from understudy.retrieval.files import IndexMismatchError
from understudy.retrieval.lexical import LexicalIndex, lexical_retriever
from understudy.retrieval.opening import open_retriever
from understudy.retrieval.retriever import (
    BadQueryError,
    Hit,
    Passage,
    RetrievalError,
    Retriever,
    SearchDownError,
    as_retrieval_error,
)
from understudy.retrieval.service import ServiceConfig
from understudy.retrieval.serving import ServeConfig, serve_index

__all__ = [
    "ENCODERS",
    "RETRIEVERS",
    "BadCorpusError",
    "BadQueryError",
    "BuildConfig",
    "CallableEncoder",
    "DenseConfig",
    "DownloadConfig",
    "DownloadError",
    "Encoder",
    "EncoderConfig",
    "Hit",
    "HttpConfig",
    "HybridConfig",
    "IndexInfo",
    "IndexMismatchError",
    "LexicalConfig",
    "LexicalIndex",
    "MemoryConfig",
    "Passage",
    "QdrantConfig",
    "RetrievalConfig",
    "RetrievalError",
    "Retriever",
    "SearchDownError",
    "ServeConfig",
    "ServiceConfig",
    "ShardsConfig",
    "StaticEncoderConfig",
    "TransformerEncoderConfig",
    "as_retrieval_error",
    "build_index",
    "download_corpus",
    "index_info",
    "lexical_retriever",
    "open_encoder",
    "open_retriever",
    "read_passages",
    "serve_index",
]
