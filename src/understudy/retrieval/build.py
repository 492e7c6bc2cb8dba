"""``understudy index build`` and ``info``: a corpus → an index folder.

In: a ``BuildConfig``. Out: a folder of ``offsets.u64`` and ``passages.json`` (where each passage is), ``lexical/``
and ``lexical.json``, and with an encoder ``vectors.f16``, ``vectors.json``, ``codes.faiss`` and ``dense.json``. Each
part is complete or absent, and names its corpus. A killed build is resumed; a finished one does nothing. The corpus
itself is not copied, unless it is gzipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from understudy.extras import require
from understudy.progress import Progress
from understudy.records import Record
from understudy.retrieval import dense, lexical, vectors
from understudy.retrieval.dense import CodesFacts, DenseFacts
from understudy.retrieval.encoder import Encoder, EncoderConfig, Vectors, open_encoder, require_packages
from understudy.retrieval.encoding import encode_corpus, import_flat_index
from understudy.retrieval.files import IndexMismatchError, sampled_hash
from understudy.retrieval.ivf import Codes, CodesConfig, build_codes, n_lists_for
from understudy.retrieval.lexical import LexicalFacts, LexicalIndex
from understudy.retrieval.passages import (
    Advance,
    CorpusFacts,
    JsonlPassages,
    PassageStore,
    index_passages,
    read_corpus_facts,
)
from understudy.retrieval.tuning import tune
from understudy.retrieval.vectors import VectorFacts, VectorFile
from understudy.runs import BadRecordError, read_record, sha256_of, write_atomic

_PSEUDO_QUERY_WORDS = 12


class BuildConfig(Record):
    """The corpus and the parts of the index."""

    corpus: Path
    """JSONL, plain or gzipped: see ``corpus.py``."""
    folder: Path
    """Folder of the index; created if it does not exist."""
    lexical: bool = True
    encoder: EncoderConfig | None = None
    """None builds no dense index."""
    flat_index: Path | None = None
    """A faiss flat index whose vectors are used instead of encoding; ``encoder`` names the encoder that made them."""
    recall: Annotated[float, Field(gt=0, le=1)] = 0.98
    """Share of the exact best ten that a dense search has to find, on the tuning queries."""
    tuning_queries: Path | None = None
    """Text file, one question a line. None takes titles and first words of passages as queries."""
    n_tuning_queries: Annotated[int, Field(ge=1)] = 500
    shard_rows: Annotated[int, Field(ge=1)] = 8192
    """Rows per shard: a killed build resumes at the last complete shard."""
    min_rows_for_codes: int = 50_000
    """An index with fewer rows compares them all: quantisation gains nothing."""


class IndexInfo(Record):
    """The contents of an index folder."""

    passages: CorpusFacts
    lexical: LexicalFacts | None
    dense: DenseFacts | None
    file_bytes: dict[str, int]


def build_index(config: BuildConfig, encoder: Encoder | None = None, *, quiet: bool = False) -> IndexInfo:
    """Build the missing parts of the index. ``encoder``: an encoder that no config can name.

    Raises ``BadCorpusError`` for a file that is not a corpus, ``IndexMismatchError`` for vectors of another one,
    ``MissingExtraError`` before any work if a package is missing.
    """
    if config.encoder is not None:
        require_packages(config.encoder)
    with _progress("read corpus", None, quiet) as advance:
        index_passages(config.corpus, config.folder, advance)
    passages = JsonlPassages(config.folder, config.corpus if not (config.folder / "corpus.jsonl").exists() else None)
    try:
        if config.lexical:
            _build_lexical(config, passages, quiet)
        if encoder is None and config.encoder is not None:
            encoder = open_encoder(config.encoder)
        if encoder is not None:
            _build_dense(config, passages, encoder, quiet)
    finally:
        passages.close()
    return index_info(config.folder)


def index_info(folder: Path, *, verify: bool = False, corpus: Path | None = None) -> IndexInfo:
    """The contents of an index folder; ``verify`` reads every byte and refuses damaged files.

    ``corpus`` says where the corpus is now, if it was moved.
    """
    lexical_path, dense_path = folder / lexical.FACTS_NAME, folder / dense.FACTS_NAME
    info = IndexInfo(
        passages=read_corpus_facts(folder),
        lexical=read_record(lexical_path, LexicalFacts) if lexical_path.exists() else None,
        dense=read_record(dense_path, DenseFacts) if dense_path.exists() else None,
        file_bytes={
            str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
        },
    )
    if verify:
        _verify(folder, info, corpus)
    return info


def _build_lexical(config: BuildConfig, passages: PassageStore, quiet: bool) -> None:
    if _has_lexical(config.folder, passages):
        return
    with _progress("index BM25", len(passages), quiet) as advance:
        LexicalIndex.build(passages, config.folder, advance)


def _has_lexical(folder: Path, passages: PassageStore) -> bool:
    """Whether a BM25 index of these passages is there and can be opened."""
    try:
        facts = read_record(folder / lexical.FACTS_NAME, LexicalFacts)
        LexicalIndex.open(passages, folder)
    except (FileNotFoundError, BadRecordError, IndexMismatchError):
        return False
    return facts == LexicalFacts(rows=len(passages), corpus_sha256=passages.content_hash)


def _build_dense(config: BuildConfig, passages: PassageStore, encoder: Encoder, quiet: bool) -> None:
    facts_path = config.folder / dense.FACTS_NAME
    if len(passages) >= config.min_rows_for_codes:
        require("dense", f"a dense index of {len(passages):,} passages", "faiss")
    vector_facts = _make_vectors(config, passages, encoder, quiet)
    if facts_path.exists():
        facts = read_record(facts_path, DenseFacts)
        if facts.vectors_sha256 == vector_facts.sampled_sha256 and facts.corpus_sha256 == passages.content_hash:
            return
        facts_path.unlink()
    file, _ = VectorFile.open(config.folder)
    try:
        codes = None
        if len(passages) >= config.min_rows_for_codes:
            codes = _make_codes(config, file, vector_facts, _tuning_vectors(config, passages, encoder), quiet)
    finally:
        file.close()
    facts = DenseFacts(
        rows=len(passages),
        corpus_sha256=passages.content_hash,
        vectors_sha256=vector_facts.sampled_sha256,
        encoder=encoder.facts,
        codes=codes,
    )
    write_atomic(facts_path, facts.model_dump_json(indent=1) + "\n")


def _make_vectors(config: BuildConfig, passages: PassageStore, encoder: Encoder, quiet: bool) -> VectorFacts:
    with _progress("encode passages", len(passages), quiet) as advance:
        if config.flat_index is not None:
            return import_flat_index(config.flat_index, passages, encoder.facts, config.folder, advance)
        return encode_corpus(passages, encoder, config.folder, shard_rows=config.shard_rows, advance=advance)


def _make_codes(
    config: BuildConfig, file: VectorFile, vector_facts: VectorFacts, queries: Vectors, quiet: bool
) -> CodesFacts:
    codes_config = CodesConfig(n_lists=n_lists_for(len(file)))
    with _progress("index vectors", len(file), quiet) as advance:
        path = build_codes(file, vector_facts.sampled_sha256, config.folder, codes_config, advance)
    tuning = tune(Codes(path), file, queries, config.recall)
    return CodesFacts(
        config=codes_config,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        sampled_sha256=sampled_hash(path),
        tuning=tuning,
    )


def _tuning_vectors(config: BuildConfig, passages: PassageStore, encoder: Encoder) -> Vectors:
    if config.tuning_queries is not None:
        lines = config.tuning_queries.read_text().splitlines()
        texts = list(islice((line.strip() for line in lines if line.strip()), config.n_tuning_queries))
    else:
        rows = np.linspace(0, len(passages) - 1, min(config.n_tuning_queries, len(passages))).astype(int)
        sampled = passages.fetch(rows.tolist())
        texts = [f"{p.title} {' '.join(p.text.split()[:_PSEUDO_QUERY_WORDS])}" for p in sampled]
    return encoder.encode_queries(texts)


def _verify(folder: Path, info: IndexInfo, corpus: Path | None) -> None:
    passages = JsonlPassages(folder, corpus)
    passages.close()
    if sha256_of(passages.path) != info.passages.sha256:
        raise IndexMismatchError(f"{passages.path}: its bytes are not those that were indexed")
    if info.lexical is not None:
        LexicalIndex.open(passages, folder)
    if info.dense is not None:
        vectors.VectorFile.open(folder)[0].close()
        dense.DenseIndex.open(folder, info.passages.sha256).close()
        codes = info.dense.codes
        if codes is not None and sha256_of(folder / "codes.faiss") != codes.sha256:
            raise IndexMismatchError(f"{folder / 'codes.faiss'}: its bytes are not those that were written")


@contextmanager
def _progress(label: str, total: int | None, quiet: bool) -> Iterator[Advance]:
    with Progress(label, total, quiet=quiet) as progress:
        yield progress.advance
