"""Binary quantisation in inverted lists: which rows may be near a query.

In: ``vectors.f16``. Out: ``codes.faiss``, a faiss index: subtract the corpus mean, rotate at random, assign to one of
``n_lists`` centroids, keep one bit a dimension of what is left (RaBitQ: Gao and Long 2024), about 1/25 of fp32. Its
results are candidates only: their scores are estimates and never leave this package. A killed build loses little work:
the index is trained, then saved after every ``part_rows`` rows (``codes.growing.faiss``), and renamed at the end. With
the same number of threads the same vectors give the same file, interrupted or not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from understudy.records import Record
from understudy.retrieval.encoder import Vector
from understudy.retrieval.exact import Rows
from understudy.retrieval.files import IndexMismatchError
from understudy.retrieval.passages import Advance, no_advance
from understudy.retrieval.vectors import VectorFile
from understudy.runs import read_record, write_atomic

if TYPE_CHECKING:
    import faiss

CODES_NAME = "codes.faiss"
GROWING_NAME = "codes.growing.faiss"
_TRAIN_ROWS_PER_LIST = 48
_TRAIN_ROUNDS = 8
_SEED = 1
_BLOCK_ROWS = 16_384
_JOB_NAME = "codes.job.json"


class CodesConfig(Record):
    """The settings that decide the codes, apart from the vectors."""

    n_lists: int
    part_rows: int = 1_000_000
    """Rows between two points of resumption."""


class CodesJob(Record):
    """``codes.job.json``: which codes are being built in the folder."""

    vectors_sha256: str
    config: CodesConfig


class Codes:
    """The codes of all rows. Safe to call from many threads at once."""

    def __init__(self, path: Path) -> None:
        """Reads the codes into memory. Mapping them does not help: faiss copies blocks of codes, and both stay
        resident.
        """
        import faiss

        try:
            self._index = faiss.read_index(str(path))
            self._lists = faiss.extract_index_ivf(self._index)
        except RuntimeError as error:
            raise IndexMismatchError(f"{path}: faiss cannot read it, build it again ({error})") from error
        self.n_lists = int(self._lists.nlist)
        self.rows = int(self._index.ntotal)

    def candidates(self, query: Vector, n_probes: int, n: int) -> Rows:
        """At most ``n`` rows near a query (dim,), nearest by estimate first, out of the ``n_probes`` nearest lists.

        One query a call, so that its answer cannot depend on what else is asked: faiss and BLAS compute batches
        in another order.
        """
        import faiss

        probing = faiss.IVFSearchParameters()
        probing.nprobe = n_probes
        parameters = faiss.SearchParametersPreTransform()
        parameters.index_params = probing
        _, rows = self._index.search(query[None, :], n, params=parameters)
        found: Rows = rows[0][rows[0] >= 0]
        return found


def n_lists_for(rows: int) -> int:
    """Two to four times the square root of the row count, as a power of two: 2,048 at a million."""
    return 1 << max(4, round(float(np.log2(2 * np.sqrt(rows)))))


def build_codes(
    vectors: VectorFile, vectors_sha256: str, folder: Path, config: CodesConfig, advance: Advance = no_advance
) -> Path:
    """Make ``codes.faiss``, resuming where an earlier call was interrupted. Returns its path."""
    import faiss

    _forget_other_job(folder, CodesJob(vectors_sha256=vectors_sha256, config=config))
    growing = folder / GROWING_NAME
    if not growing.exists():
        _train(vectors, config.n_lists, growing)
    index = faiss.read_index(str(growing))
    advance(index.ntotal)
    for start in range(index.ntotal, len(vectors), config.part_rows):
        rows = range(start, min(start + config.part_rows, len(vectors)))
        for first, block in vectors.blocks(_BLOCK_ROWS, rows):
            index.add_with_ids(block, np.arange(first, first + len(block), dtype=np.int64))
            advance(len(block))
        _write_index(index, growing)
    growing.replace(folder / CODES_NAME)
    (folder / _JOB_NAME).unlink()
    return folder / CODES_NAME


def _train(vectors: VectorFile, n_lists: int, path: Path) -> None:
    """Write an empty index with mean, rotation and centroids, computed from rows spread evenly over the file."""
    import faiss

    n_rows = min(len(vectors), _TRAIN_ROWS_PER_LIST * n_lists)
    rows = np.linspace(0, len(vectors) - 1, n_rows).astype(np.int64)
    sample = vectors.read(rows).astype(np.float32)
    transform = _rotation_about(sample.mean(axis=0))
    turned = transform.apply(sample)
    kmeans = faiss.Kmeans(
        vectors.dim, n_lists, niter=_TRAIN_ROUNDS, seed=_SEED, gpu=faiss.get_num_gpus() > 0,
        min_points_per_centroid=1, max_points_per_centroid=_TRAIN_ROWS_PER_LIST,
    )  # fmt: skip
    kmeans.train(turned)
    quantizer = faiss.IndexFlatL2(vectors.dim)
    quantizer.add(kmeans.centroids)
    lists = faiss.IndexIVFRaBitQFastScan(quantizer, vectors.dim, n_lists)
    lists.train(turned)
    _write_index(faiss.IndexPreTransform(transform, lists), path)


def _rotation_about(mean: Vector) -> faiss.LinearTransform:
    """Map x to R (x - mean) with a random rotation R, so that no dimension weighs more than another."""
    import faiss

    dim = len(mean)
    noise = np.random.default_rng(_SEED).standard_normal((dim, dim))
    rotation = np.linalg.qr(noise)[0].astype(np.float32)
    transform = faiss.LinearTransform(dim, dim, True)
    faiss.copy_array_to_vector(rotation.ravel(), transform.A)
    faiss.copy_array_to_vector(-(rotation @ mean), transform.b)
    transform.is_trained = True
    return transform


def _write_index(index: faiss.Index, path: Path) -> None:
    import faiss

    beside = path.with_name(f"{path.name}.part")
    faiss.write_index(index, str(beside))
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def _forget_other_job(folder: Path, job: CodesJob) -> None:
    path = folder / _JOB_NAME
    if path.exists() and read_record(path, CodesJob) == job:
        return
    for leftover in folder.glob("codes.*"):
        leftover.unlink()
    write_atomic(path, job.model_dump_json(indent=1) + "\n")
