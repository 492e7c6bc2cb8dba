"""Dense search: candidates by binary quantisation, or from all rows on a GPU, then their exact scores.

In: an index folder with ``vectors.f16``, ``codes.faiss`` (absent if every row is compared) and the header
``dense.json``; an encoder; passages. Out: a ``Retriever`` whose scores are exact cosines. The header names corpus,
encoder, files and tuning; anything that does not match it is refused with ``IndexMismatchError``. A query's answer
depends on the query alone, to the last bit, if the encoder's vectors do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from understudy.extras import require
from understudy.records import Record
from understudy.retrieval.encoder import Encoder, EncoderFacts, Vector, Vectors
from understudy.retrieval.exact import Rows, exact_search, rescored
from understudy.retrieval.files import IndexMismatchError, sampled_hash
from understudy.retrieval.ivf import CODES_NAME, Codes, CodesConfig
from understudy.retrieval.passages import PassageStore
from understudy.retrieval.retriever import Hit, RetrievalError
from understudy.retrieval.tuning import Tuning
from understudy.retrieval.vectors import Scores, VectorFile
from understudy.runs import read_record

if TYPE_CHECKING:
    from understudy.retrieval.device_rows import DeviceRows

FACTS_NAME = "dense.json"
FORMAT = 1
_CANDIDATES_A_HIT = 4


class CodesFacts(Record):
    """Facts about ``codes.faiss``, and its search settings."""

    config: CodesConfig
    bytes: int
    sha256: str
    """Hash of all bytes, which ``index_info(verify=True)`` checks."""
    sampled_sha256: str
    """Hash of bytes spread over the file, which is checked when it is opened."""
    tuning: Tuning


class DenseFacts(Record):
    """The header of a dense index: ``dense.json``, written when everything else is there."""

    format: int = FORMAT
    rows: int
    corpus_sha256: str
    vectors_sha256: str
    """Of bytes spread over ``vectors.f16``."""
    encoder: EncoderFacts
    codes: CodesFacts | None
    """None if every row is compared."""


class DenseIndex:
    """Vectors in, rows and exact scores out. Safe to call from many threads at once."""

    def __init__(
        self, vectors: VectorFile, codes: Codes | None, facts: DenseFacts, on_device: DeviceRows | None = None
    ) -> None:
        """Use ``open``."""
        self.facts = facts
        self._vectors = vectors
        self._codes = codes
        self._on_device = on_device
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="dense-search")

    @classmethod
    def open(cls, folder: Path, corpus_sha256: str, *, exact: bool = False, device: str = "cpu") -> Self:
        """Open the dense index of this corpus; ``exact`` compares every row whatever codes there are; so does a GPU.

        Raises ``IndexMismatchError``, and ``DeviceTooSmallError`` for a GPU that is not there or has too little memory.
        """
        facts = read_facts(folder)
        _refuse_other_corpus(folder / FACTS_NAME, facts, corpus_sha256)
        vectors, vector_facts = VectorFile.open(folder)
        if vector_facts.sampled_sha256 != facts.vectors_sha256:
            raise IndexMismatchError(f"{folder}: the vectors are not those that the index was made of; build it again")
        if device != "cpu":
            from understudy.retrieval.device_rows import DeviceRows

            return cls(vectors, None, facts, DeviceRows(vectors, device))
        codes = None if exact or facts.codes is None else _open_codes(folder / CODES_NAME, facts.codes, facts.rows)
        return cls(vectors, codes, facts)

    def search(self, queries: Vectors, k: int) -> list[tuple[Rows, Scores]]:
        """For each query vector (queries, dim) at most ``k`` rows and their cosines, best first, equal ones by row."""
        if queries.shape[1] != self._vectors.dim:
            raise ValueError(f"expected queries of dimension {self._vectors.dim}, got {queries.shape[1]}")
        if self._on_device is not None:
            return self._on_device.search(queries, k)
        if self._codes is None or self.facts.codes is None:
            return exact_search(self._vectors, queries, k)
        search = partial(_search_one, self._vectors, self._codes, self.facts.codes.tuning, k)
        return [search(queries[0])] if len(queries) == 1 else list(self._pool.map(search, queries))

    def close(self) -> None:
        """Close the vectors. Closing twice is fine."""
        self._pool.shutdown()
        if self._on_device is not None:
            self._on_device.close()
        self._vectors.close()


class DenseRetriever:
    """See ``Retriever``. One thread at a time uses the encoder: put a ``BatchingRetriever`` before it."""

    def __init__(self, index: DenseIndex, encoder: Encoder, passages: PassageStore) -> None:
        """Raises ``IndexMismatchError`` if the index was made by another encoder."""
        refuse_other_encoder(index.facts.encoder, encoder.facts)
        self._index = index
        self._encoder = encoder
        self._encoder_lock = threading.Lock()
        self._passages = passages

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. Scores are cosines."""
        if not queries or k < 1:
            return [[] for _ in queries]
        with self._encoder_lock:
            vectors = self._encoder.encode_queries(queries)
        try:
            return [self._hits(rows, scores) for rows, scores in self._index.search(vectors, k)]
        except (OSError, IndexMismatchError) as error:
            raise RetrievalError(f"the dense index could not answer: {error}") from error

    def close(self) -> None:
        """Close index and passages. Closing twice is fine."""
        self._index.close()
        self._passages.close()

    def _hits(self, rows: Rows, scores: Scores) -> list[Hit]:
        passages = self._passages.fetch(rows.tolist())
        return [Hit(passage, score) for passage, score in zip(passages, scores.tolist(), strict=True)]


def _search_one(vectors: VectorFile, codes: Codes, tuning: Tuning, k: int, query: Vector) -> tuple[Rows, Scores]:
    n_candidates = max(tuning.n_candidates, _CANDIDATES_A_HIT * k)
    return rescored(vectors, query, codes.candidates(query, tuning.n_probes, n_candidates), k)


def read_facts(folder: Path) -> DenseFacts:
    """The header of an index folder. Raises ``IndexMismatchError`` if there is none."""
    path = folder / FACTS_NAME
    if not path.exists():
        raise IndexMismatchError(f"{path}: expected a finished dense index, there is none")
    return read_record(path, DenseFacts)


def refuse_other_encoder(expected: EncoderFacts, actual: EncoderFacts) -> None:
    """Raise ``IndexMismatchError`` with the facts that differ, if any do."""
    if expected.identity == actual.identity:
        return
    fields = [name for name in EncoderFacts.model_fields if getattr(expected, name) != getattr(actual, name)]
    differences = ", ".join(f"{name}: {getattr(expected, name)!r} != {getattr(actual, name)!r}" for name in fields)
    raise IndexMismatchError(f"the index was made by another encoder (index != this one: {differences})")


def _refuse_other_corpus(path: Path, facts: DenseFacts, corpus_sha256: str) -> None:
    if facts.format != FORMAT or facts.corpus_sha256 != corpus_sha256:
        raise IndexMismatchError(
            f"{path}: the index is of the corpus {facts.corpus_sha256[:16]}… (format {facts.format}), "
            f"expected {corpus_sha256[:16]}… (format {FORMAT}): build it again"
        )


def _open_codes(path: Path, facts: CodesFacts, rows: int) -> Codes:
    actual_bytes = path.stat().st_size if path.exists() else 0
    if actual_bytes != facts.bytes:
        raise IndexMismatchError(f"{path}: expected {facts.bytes} bytes, got {actual_bytes}; build it again")
    if sampled_hash(path) != facts.sampled_sha256:
        raise IndexMismatchError(f"{path}: its bytes are not those that were written; build it again")
    require("dense", "a dense index with binary quantisation", "faiss")
    codes = Codes(path)
    if codes.rows != rows:
        raise IndexMismatchError(f"{path}: expected codes of {rows} rows, got {codes.rows}; build it again")
    return codes
