"""Vectors on disk: one fp16 row a passage, read where they are needed.

In: ``vectors.f16`` (rows x dim, little-endian fp16, no header) and ``vectors.json``. Out: rows by number, blocks in
sequence, exact scores. Nothing stays in the process's memory; the page cache keeps frequent rows.

Rows that are in the page cache are read without waiting (``RWF_NOWAIT``); for those that are not, the kernel
is asked for all of them first, so that the disk reads them in parallel.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from understudy.records import Record
from understudy.retrieval.encoder import EncoderFacts, Vector, Vectors
from understudy.retrieval.files import IndexMismatchError, sampled_hash
from understudy.runs import read_record

VECTORS_NAME = "vectors.f16"
FACTS_NAME = "vectors.json"

HalfVectors = np.ndarray[tuple[int, int], np.dtype[np.float16]]
Scores = np.ndarray[tuple[int], np.dtype[np.float32]]


class VectorFacts(Record):
    """Facts about ``vectors.f16``; written when it is complete."""

    rows: int
    corpus_sha256: str
    encoder: EncoderFacts
    sampled_sha256: str
    """Of the vectors' bytes, at places spread over the file."""


class VectorFile:
    """Rows of ``vectors.f16``. Safe to call from many threads at once."""

    def __init__(self, path: Path, dim: int) -> None:
        """Open ``path``, whose size gives the number of rows of ``dim`` numbers."""
        self._path = path
        self._row_bytes = 2 * dim
        self.dim = dim
        self.rows, rest = divmod(path.stat().st_size, self._row_bytes)
        if rest:
            raise IndexMismatchError(f"{path}: {rest} bytes are left over after {self.rows} rows of dimension {dim}")
        self._fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_RANDOM)

    def __len__(self) -> int:
        return self.rows

    @classmethod
    def open(cls, folder: Path) -> tuple[Self, VectorFacts]:
        """Open the vectors of an index folder. Raises ``IndexMismatchError`` if they are not what was made."""
        facts_path, path = folder / FACTS_NAME, folder / VECTORS_NAME
        if not facts_path.exists() or not path.exists():
            raise IndexMismatchError(f"{folder}: expected {VECTORS_NAME} and {FACTS_NAME}; encoding has not finished")
        facts = read_record(facts_path, VectorFacts)
        expected = facts.rows * facts.encoder.dim * 2
        if path.stat().st_size != expected:
            raise IndexMismatchError(
                f"{path}: expected {expected} bytes for {facts.rows} rows, got {path.stat().st_size}"
            )
        if sampled_hash(path) != facts.sampled_sha256:
            raise IndexMismatchError(f"{path}: its bytes are not those that were written; encode again")
        return cls(path, facts.encoder.dim), facts

    def read(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> HalfVectors:
        """The vectors of these rows, shape (rows, dim); fastest in rising order."""
        out = np.empty((len(rows), self.dim), dtype="<f2")
        buffers = [memoryview(out[number]).cast("B") for number in range(len(rows))]
        offsets = (rows * self._row_bytes).tolist()
        late = [number for number in range(len(rows)) if not self._read_now(buffers[number], offsets[number])]
        for number in late:
            os.posix_fadvise(self._fd, offsets[number], self._row_bytes, os.POSIX_FADV_WILLNEED)
        for number in late:
            if os.preadv(self._fd, [buffers[number]], offsets[number]) != self._row_bytes:
                raise IndexMismatchError(f"{self._path}: ends before row {int(rows[number])}")
        return out

    def blocks(self, block_rows: int, rows: range | None = None) -> Iterator[tuple[int, Vectors]]:
        """Pairs (first row, float32 vectors) over the whole file or a range of its rows, in sequence."""
        rows = range(self.rows) if rows is None else rows
        with self._path.open("rb") as file:
            file.seek(rows.start * self._row_bytes)
            for first in range(rows.start, rows.stop, block_rows):
                count = min(block_rows, rows.stop - first)
                half = np.fromfile(file, dtype="<f2", count=count * self.dim)
                yield first, half.astype(np.float32).reshape(count, self.dim)

    def close(self) -> None:
        """Close the file. Closing twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_now(self, buffer: memoryview, offset: int) -> bool:
        try:
            return os.preadv(self._fd, [buffer], offset, os.RWF_NOWAIT) == self._row_bytes
        except OSError:  # not in the page cache, or a file system that cannot tell
            return False


def scores_of(query: Vector, vectors: HalfVectors) -> Scores:
    """Inner products of a query (dim,) with rows (rows, dim), each computed alone.

    ``einsum``, not a matrix product: BLAS may round a row differently with its neighbours, and a passage must
    have one score however it was found.
    """
    scores: Scores = np.einsum("rd,d->r", vectors.astype(np.float32), query)
    return scores
