"""Which engine a recipe searches with: one typed config each, told apart by ``kind``.

In: the ``retrieval`` section of a recipe. Out: ``RetrievalConfig``, which is any of these or a user's own, and
``RETRIEVERS``, the group that opens them. Not here: the engines (``opening``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationInfo

from understudy.access import web_address
from understudy.annotations import Content, InputPath, SpeedOnly, VariableName, WebAddress, existing_path
from understudy.registry import Builtin, Group, PartConfig
from understudy.retrieval.encoder import EncoderConfig
from understudy.retrieval.functions import FunctionRetriever
from understudy.retrieval.retriever import Retriever


def _world_or_existing(path: Path, info: ValidationInfo) -> Path:
    return path if path in (Path("toy"), Path("suite")) else existing_path(path, info)


class MemoryConfig(PartConfig):
    """BM25 over a small corpus file, indexed in memory when it is opened."""

    kind: Literal["memory"] = "memory"
    corpus: Annotated[Path, AfterValidator(_world_or_existing), Content()]
    """JSONL, plain or gzipped; ``toy``, ``suite``: the encyclopedia of that world, which the pipeline writes."""


class LexicalConfig(PartConfig):
    """BM25 in an index folder. The default engine: it needs no encoder."""

    kind: Literal["lexical"] = "lexical"
    folder: InputPath
    corpus: InputPath | None = None
    """Where the corpus is now, if it was moved."""


class DenseConfig(PartConfig):
    """Dense search in an index folder: by the vectors of an encoder."""

    kind: Literal["dense"] = "dense"
    folder: InputPath
    corpus: InputPath | None = None
    """Where the corpus is now, if it was moved."""
    encoder: EncoderConfig | None = None
    """None opens the one that the index names."""
    exact: bool = False
    """Compare every row: slow, and what the approximate search is measured against."""
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$"), SpeedOnly] = "cpu"
    """``cuda``, or ``cuda:1`` for the second one: all rows are put on the GPU and every row is compared there. They
    take two bytes a number, 32 GB for 21 M rows of 768. Never chosen by itself: a model may want that memory."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("dense",)


class HybridConfig(PartConfig):
    """BM25 and dense search of one index folder, fused by reciprocal ranks."""

    kind: Literal["hybrid"] = "hybrid"
    dense: DenseConfig
    depth: Annotated[int, Field(ge=1)] = 50
    """Hits of each engine that take part."""


class HttpConfig(PartConfig):
    """A retrieval server."""

    kind: Literal["http"] = "http"
    url: WebAddress = "http://127.0.0.1:8000"
    """With or without ``/retrieve``."""
    token_env: Annotated[VariableName | None, SpeedOnly] = None
    """Name of the environment variable that holds the bearer token."""
    timeout_s: Annotated[float, Field(gt=0), SpeedOnly] = 30.0
    """Of each attempt."""
    attempts: Annotated[int, Field(ge=1), SpeedOnly] = 5
    max_pause_s: Annotated[float, Field(ge=0), SpeedOnly] = 10.0
    """Longest wait between two attempts, whatever the server asks for."""


_Shard = Annotated[DenseConfig, Tag("dense")] | Annotated[HttpConfig, Tag("http")]


def _kind_of_shard(shard: object) -> object:
    if not isinstance(shard, Mapping):
        return getattr(shard, "kind", None)
    return shard.get("kind") or ("http" if "url" in shard else "dense")


class ShardsConfig(PartConfig):
    """Disjoint parts of a corpus, merged by exact score: here, or each on a machine of its own."""

    kind: Literal["shards"] = "shards"
    shards: Annotated[tuple[Annotated[_Shard, Discriminator(_kind_of_shard)], ...], Field(min_length=1)]


class QdrantConfig(PartConfig):
    """A collection of a Qdrant server, filled by ``understudy.retrieval.qdrant.upload``."""

    kind: Literal["qdrant"] = "qdrant"
    url: Annotated[str, AfterValidator(lambda url: url if url == ":memory:" else web_address(url))]
    """Of the server; ``:memory:`` is the client's own engine, for tests."""
    collection: Annotated[str, Field(min_length=1)]
    encoder: EncoderConfig
    api_key_env: Annotated[VariableName | None, SpeedOnly] = None
    """Name of the environment variable that holds the key."""
    timeout_s: Annotated[int, Field(ge=1), SpeedOnly] = 30
    oversampling: Annotated[float, Field(ge=1)] = 8.0
    """Candidates by binary codes for each hit, before the server rescores them exactly."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("qdrant", "local")


_OPENING = "understudy.retrieval.opening"
_KINDS = {
    "memory": ("MemoryConfig", f"{_OPENING}:open_memory"),
    "lexical": ("LexicalConfig", f"{_OPENING}:open_lexical"),
    "dense": ("DenseConfig", f"{_OPENING}:open_dense"),
    "hybrid": ("HybridConfig", f"{_OPENING}:open_hybrid"),
    "http": ("HttpConfig", "understudy.retrieval.client:HttpRetriever"),
    "shards": ("ShardsConfig", f"{_OPENING}:open_shards"),
    "qdrant": ("QdrantConfig", f"{_OPENING}:open_qdrant"),
}
RETRIEVERS: Group[Retriever] = Group(
    "retrievers",
    "finds passages for a query",
    {kind: Builtin(config=f"{__name__}:{config}", part=part) for kind, (config, part) in _KINDS.items()},
    methods=("search",),
    adapt=FunctionRetriever,
)
RetrievalConfig = Annotated[PartConfig, RETRIEVERS]
