"""Exact search over rows of 768 numbers: all rows on the device, compared with torch and faiss Flat on the CPU.

In: sizes; the rows are random directions. Out: queries per second, one at a time and 64 at once. Every way
must find the same rows. Not here: approximate search (``bench_retrieval``).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu_timing import Row, where

DIM, K = 768, 10
Search = Callable[[np.ndarray], np.ndarray]
"""Queries (n, DIM) → rows (n, K)."""


def measure_search(*, tiny: bool) -> Iterator[Row]:
    """Rows of the table, one a way and size."""
    import torch

    for n_rows in [2_000] if tiny else [100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            generator = torch.Generator().manual_seed(0)
            rows = torch.randn((n_rows, DIM), generator=generator)
            rows = (rows / rows.norm(dim=1, keepdim=True)).half()
            path = Path(folder) / "vectors.f16"
            path.write_bytes(rows.numpy().tobytes())
            asked = rows[:: n_rows // 512].float()[:512]
            asked = (asked + 0.02 * torch.randn(asked.shape, generator=generator)).numpy()
            yield from _of_size(path, rows, asked)


def _of_size(path: Path, rows: Any, asked: np.ndarray) -> Iterator[Row]:
    import torch

    from understudy.retrieval.device_rows import DeviceRows
    from understudy.retrieval.exact import exact_search
    from understudy.retrieval.vectors import VectorFile

    file = VectorFile(path, DIM)
    expected = np.stack([found for found, _ in exact_search(file, asked[:8], K)])
    device = where()
    on_device = DeviceRows(file, device)
    on_cpu = rows.float()

    def by_torch(queries: np.ndarray) -> np.ndarray:
        found: np.ndarray = (torch.from_numpy(queries) @ on_cpu.T).topk(K, dim=1).indices.numpy()
        return found

    ways: dict[str, Search] = {
        f"understudy, all on {device}": lambda queries: np.stack([r for r, _ in on_device.search(queries, K)]),
        f"torch, {torch.get_num_threads()} CPU threads": by_torch,
        **_by_faiss(on_cpu.numpy()),
    }
    for way, search in ways.items():
        row = {"part": f"search {len(rows):,}", "way": way, "same": bool((search(asked[:8]) == expected).all())}
        yield row | {"queries_per_s": _rate(search, asked, 1), "in_batches_of_64": _rate(search, asked, 64)}
    on_device.close()
    file.close()


def _by_faiss(rows: np.ndarray) -> dict[str, Search]:
    try:
        import faiss
    except ImportError:
        return {}
    flat = faiss.IndexFlatIP(DIM)
    flat.add(rows)
    return {f"faiss Flat, {faiss.omp_get_max_threads()} CPU threads": lambda queries: flat.search(queries, K)[1]}


def _rate(search: Search, asked: np.ndarray, batch: int, least_s: float = 1.0) -> float:
    """Queries a second, over at least a second and five calls."""
    search(asked[:batch])
    done, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < least_s or done < 5 * batch:
        first = done % (len(asked) - batch + 1)
        search(asked[first : first + batch])
        done += batch
    return done / seconds
