"""Texts → vectors: the encoders of dense search.

In: an ``EncoderConfig``. Out: an ``Encoder``, whose vectors are float32 of shape (texts, dim) and of length 1.
Everything that changes a vector (weights, prefixes, pooling, length) is in its ``EncoderFacts``; an index stores them
and refuses any other encoder. Torch and transformers are imported when an encoder is opened.

Not covered: training encoders; encoders that need two different models for queries and passages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Protocol
from unicodedata import normalize

import numpy as np
from pydantic import Field

from understudy.annotations import InputPath, ModelPath, SpeedOnly
from understudy.extras import require
from understudy.records import Record
from understudy.registry import Builtin, Group, PartConfig
from understudy.retrieval.files import sampled_hash
from understudy.runs import digest

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]
Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class Pooling(StrEnum):
    """How the vectors of a text's tokens are combined."""

    MEAN = "mean"
    """Over all tokens that are not padding."""
    CLS = "cls"
    """The first token."""


class TransformerEncoderConfig(PartConfig):
    """A BERT-like encoder in transformers' format; the defaults are those of e5."""

    kind: Literal["transformer"] = "transformer"
    model: ModelPath
    """Folder, or name on the Hub, such as ``intfloat/e5-base-v2``."""
    query_prefix: str = "query: "
    """e5 wants both prefixes; most other models want none."""
    passage_prefix: str = "passage: "
    pooling: Pooling = Pooling.MEAN
    max_tokens: Annotated[int, Field(ge=8)] = 256
    """Longer texts are cut."""
    device: Annotated[str, SpeedOnly] = "auto"
    """``auto`` takes the GPU if there is one."""
    batch_size: Annotated[int, Field(ge=1)] = 64


class StaticEncoderConfig(PartConfig):
    """A table of token vectors, averaged: folder with ``tokenizer.json`` and ``model.safetensors`` (one matrix)."""

    kind: Literal["static"] = "static"
    model: InputPath


class EncoderFacts(Record):
    """Everything that decides which vector a text gets."""

    kind: str
    model: str
    """Name or folder; not compared if the weights are known by content."""
    weights: str
    """Hash of the weights and of the tokenizer; empty if they are not files."""
    query_prefix: str
    passage_prefix: str
    pooling: str
    max_tokens: int
    """0 if no text is cut."""
    dim: int

    @property
    def identity(self) -> str:
        """Equal for encoders that give equal vectors, wherever their files lie."""
        return digest(self.model_copy(update={"model": ""}) if self.weights else self)


class Encoder(Protocol):
    """What makes vectors of texts. Used by one thread at a time."""

    facts: EncoderFacts

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Shape (texts, dim), each row of length 1."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Shape (texts, dim), each row of length 1."""
        ...


ENCODERS: Group[Encoder] = Group(
    "encoders",
    "makes vectors of texts",
    {
        "transformer": Builtin(
            config=f"{__name__}:TransformerEncoderConfig",
            part="understudy.retrieval.transformer_encoder:TransformerEncoder",
        ),
        "static": Builtin(
            config=f"{__name__}:StaticEncoderConfig", part="understudy.retrieval.static_encoder:StaticEncoder"
        ),
    },
    methods=("encode_queries", "encode_passages"),
)
EncoderConfig = Annotated[PartConfig, ENCODERS]


class CallableEncoder:
    """Any ``encode(texts) → array`` as an encoder, such as that of a SentenceTransformer."""

    def __init__(
        self,
        encode: Callable[[list[str]], object],
        *,
        name: str,
        query_prefix: str = "",
        passage_prefix: str = "",
    ) -> None:
        """``name`` stands for the weights: give another name to other weights."""
        self._encode = encode
        dim = self._vectors([query_prefix]).shape[1]
        self.facts = EncoderFacts(
            kind="callable", model=name, weights="", query_prefix=query_prefix, passage_prefix=passage_prefix,
            pooling="", max_tokens=0, dim=dim,
        )  # fmt: skip

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        return self._vectors(prefixed(self.facts.query_prefix, texts))

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        return self._vectors(prefixed(self.facts.passage_prefix, texts))

    def _vectors(self, texts: list[str]) -> Vectors:
        vectors = np.asarray(self._encode(texts), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise ValueError(f"encode() of {len(texts)} texts: expected shape ({len(texts)}, dim), got {vectors.shape}")
        return normalised(vectors)


class SharedEncoder:
    """One encoder for several engines: it is locked, and queries that all of them send in turn are encoded once."""

    def __init__(self, encoder: Encoder) -> None:
        self.facts = encoder.facts
        self._encoder = encoder
        self._lock = threading.Lock()
        self._last: tuple[tuple[str, ...], Vectors] | None = None

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        asked = tuple(texts)
        with self._lock:
            if self._last is None or self._last[0] != asked:
                self._last = (asked, self._encoder.encode_queries(asked))
            return self._last[1]

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """See ``Encoder``."""
        with self._lock:
            return self._encoder.encode_passages(texts)


def open_encoder(config: EncoderConfig) -> Encoder:
    """Load an encoder. Raises ``OSError`` if its files are missing, ``MissingExtraError`` if packages are."""
    require_packages(config)
    return ENCODERS.open(config)


def require_packages(config: EncoderConfig) -> None:
    """Raise ``MissingExtraError`` if a package that this encoder needs is not installed; loads nothing."""
    modules = {"transformer": ("torch", "transformers"), "static": ("tokenizers", "safetensors")}.get(config.kind, ())
    require("dense", f"an encoder of kind {config.kind!r}", *modules)


def config_of(facts: EncoderFacts) -> EncoderConfig:
    """The config that opens the encoder of these facts again. Raises ``ValueError`` if none can."""
    if facts.kind == "static":
        return StaticEncoderConfig(model=Path(facts.model))
    if facts.kind == "transformer":
        return TransformerEncoderConfig(
            model=facts.model,
            query_prefix=facts.query_prefix,
            passage_prefix=facts.passage_prefix,
            pooling=Pooling(facts.pooling),
            max_tokens=facts.max_tokens,
        )
    raise ValueError(
        f"the encoder {facts.model!r} is of kind {facts.kind!r}, which cannot be opened by name: hand it over, with "
        "`encoder` in the config or as an object in Python"
    )


def prefixed(prefix: str, texts: Sequence[str]) -> list[str]:
    """Each text after the prefix, in Unicode's composed form and without lone surrogates, which tokenizers refuse."""
    return [normalize("NFC", prefix + text).encode("utf-8", "replace").decode() for text in texts]


def normalised(vectors: Vectors) -> Vectors:
    """Rows of length 1; a row of zeros stays. Raises ``ValueError`` for numbers that are NaN or infinite."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        n_wrong = int((~np.isfinite(lengths)).sum())
        raise ValueError(
            f"the encoder made {n_wrong} of {len(vectors)} vectors with NaN or infinite numbers: expected finite ones. "
            "Weights in float16 may be the reason"
        )
    result: Vectors = vectors / np.maximum(lengths, np.float32(1e-12))
    return result


def weights_hash(folder: Path) -> str:
    """Hash of the weights and tokenizer files of a model folder, by their bytes."""
    patterns = ("*.safetensors", "pytorch_model*.bin", "config.json", "tokenizer.json", "vocab.txt")
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return digest([[path.name, sampled_hash(path)] for path in files])
