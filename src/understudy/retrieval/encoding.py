"""Passages → ``vectors.f16``, in shards, resumable.

In: passages and an encoder. Out: ``vectors.f16`` and ``vectors.json``. A shard is appended to ``vectors.f16.part`` and
made durable, then recorded by a line of ``encoding.jsonl``; after a kill the file is cut back to the last such line and
encoding resumes there. With another corpus or encoder, encoding starts from the beginning. Also here: importing
precomputed vectors from a faiss flat index file (``import_flat_index``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from understudy.records import Record
from understudy.retrieval.encoder import Encoder, EncoderFacts, Vectors
from understudy.retrieval.files import IndexMismatchError, sampled_hash
from understudy.retrieval.passages import Advance, PassageStore, no_advance
from understudy.retrieval.vectors import FACTS_NAME, VECTORS_NAME, VectorFacts
from understudy.runs import append_jsonl, digest, read_jsonl, read_record, write_atomic

_JOURNAL_NAME = "encoding.jsonl"
_FLAT_HEADER_BYTES = 45
"""fourcc 4, dim 4, rows 8, two unused 16, trained 1, metric 4, number of floats 8."""


class EncodedShard(Record):
    """One line of ``encoding.jsonl``: these rows are in the file."""

    job: str
    """Names corpus, encoder and shard size."""
    end_row: int


def encode_corpus(
    passages: PassageStore, encoder: Encoder, folder: Path, *, shard_rows: int = 8192, advance: Advance = no_advance
) -> VectorFacts:
    """Encode all passages into ``folder``, resuming where an earlier call was interrupted."""
    finished = finished_vectors(folder, passages.content_hash, encoder.facts)
    if finished is not None:
        return finished
    job = digest([passages.content_hash, encoder.facts.identity, shard_rows])
    start = _resume_point(folder, job, encoder.facts.dim)
    advance(start)
    contents = (passage.contents for passage in islice(passages.scan(), start, None))
    with append_jsonl(folder / _JOURNAL_NAME) as journal, _part(folder).open("ab", buffering=0) as file:
        while texts := list(islice(contents, shard_rows)):
            _append(file.fileno(), encoder.encode_passages(texts))
            start += len(texts)
            journal.write(EncodedShard(job=job, end_row=start))
            advance(len(texts))
    return _finish(folder, start, passages.content_hash, encoder.facts)


def finished_vectors(folder: Path, corpus_sha256: str, encoder: EncoderFacts) -> VectorFacts | None:
    """The facts of ``vectors.f16`` if it is whole, of this corpus and by this encoder."""
    facts_path = folder / FACTS_NAME
    if not facts_path.exists() or not (folder / VECTORS_NAME).exists():
        return None
    facts = read_record(facts_path, VectorFacts)
    same = facts.corpus_sha256 == corpus_sha256 and facts.encoder.identity == encoder.identity
    return facts if same else None


def import_flat_index(
    path: Path, passages: PassageStore, encoder: EncoderFacts, folder: Path, advance: Advance = no_advance
) -> VectorFacts:
    """Take the vectors of a faiss flat index, such as the published one of wiki-18, streaming and as fp16.

    Raises ``IndexMismatchError`` if it is not a flat index or has other rows or dimensions than expected.
    """
    finished = finished_vectors(folder, passages.content_hash, encoder)
    if finished is not None:
        return finished
    with _part(folder).open("wb") as file:
        for vectors in _flat_blocks(path, len(passages), encoder.dim):
            file.write(vectors.astype("<f2").tobytes())
            advance(len(vectors))
    return _finish(folder, len(passages), passages.content_hash, encoder)


def _part(folder: Path) -> Path:
    return folder / f"{VECTORS_NAME}.part"


def _resume_point(folder: Path, job: str, dim: int) -> int:
    """The first row that is still to be encoded; the file is cut to what comes before."""
    journal, part = folder / _JOURNAL_NAME, _part(folder)
    whole = folder / VECTORS_NAME
    if journal.exists() and whole.exists() and not part.exists() and not (folder / FACTS_NAME).exists():
        whole.replace(part)  # killed between the renaming and the facts
    shards = list(read_jsonl(journal, EncodedShard)) if journal.exists() and part.exists() else []
    if not shards or any(shard.job != job for shard in shards):
        journal.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        return 0
    end_row = shards[-1].end_row
    if part.stat().st_size < end_row * dim * 2:
        raise IndexMismatchError(f"{part}: {journal.name} says {end_row} rows, the file is shorter; delete both")
    os.truncate(part, end_row * dim * 2)
    return end_row


def _append(fd: int, vectors: Vectors) -> None:
    rest = memoryview(vectors.astype("<f2").tobytes())
    while rest:
        rest = rest[os.write(fd, rest) :]
    os.fdatasync(fd)


def _finish(folder: Path, rows: int, corpus_sha256: str, encoder: EncoderFacts) -> VectorFacts:
    facts = VectorFacts(
        rows=rows, corpus_sha256=corpus_sha256, encoder=encoder, sampled_sha256=sampled_hash(_part(folder))
    )
    (folder / FACTS_NAME).unlink(missing_ok=True)
    _part(folder).replace(folder / VECTORS_NAME)
    write_atomic(folder / FACTS_NAME, facts.model_dump_json(indent=1) + "\n")
    (folder / _JOURNAL_NAME).unlink(missing_ok=True)
    return facts


def _flat_blocks(path: Path, rows: int, dim: int, block_rows: int = 16384) -> Iterator[Vectors]:
    with path.open("rb") as file:
        header = file.read(_FLAT_HEADER_BYTES)
        if header[:4] not in (b"IxFI", b"IxF2") or len(header) < _FLAT_HEADER_BYTES:
            raise IndexMismatchError(f"{path}: expected a faiss flat index, it begins with {header[:4]!r}")
        actual_dim, actual_rows = int.from_bytes(header[4:8], "little"), int.from_bytes(header[8:16], "little")
        expected_bytes = _FLAT_HEADER_BYTES + 4 * rows * dim
        if (actual_dim, actual_rows) != (dim, rows) or path.stat().st_size != expected_bytes:
            raise IndexMismatchError(
                f"{path}: expected {rows} rows of dimension {dim} in {expected_bytes} bytes, "
                f"got {actual_rows} rows of dimension {actual_dim} in {path.stat().st_size} bytes"
            )
        for first in range(0, rows, block_rows):
            count = min(block_rows, rows - first)
            yield np.fromfile(file, dtype="<f4", count=count * dim).reshape(count, dim)
