"""Exact search on a GPU: all rows are in its memory, and every row is compared.

In: ``vectors.f16``, a torch device. Out: rows and scores as exact search on a CPU gives them: the device only selects
candidates, by products in float32, and their scores are then computed as on a CPU. There is nothing to tune. Not here:
rows that do not fit; an index that is larger than the GPU is searched by its codes, or in shards.
"""

from __future__ import annotations

import threading

import torch

from understudy.retrieval.encoder import Vectors
from understudy.retrieval.exact import Rows, rescored
from understudy.retrieval.vectors import Scores, VectorFile

_SLACK = 32
"""Additional candidates beyond k, so that rounding on the device cannot lose one of the best k rows."""
_BLOCK_ROWS = 131_072
"""Rows compared at once: 400 MB in float32 if they have 768 numbers."""
_SPARE_BYTES = 1 << 30
"""Memory left free on the device, for a block in float32 and the scores of a batch."""


class DeviceTooSmallError(ValueError):
    """The rows do not fit the device, or there is none; the message says what would be needed."""


class DeviceRows:
    """All rows of an index on one device. Safe to call from many threads; they wait for one another."""

    def __init__(self, vectors: VectorFile, device: str, block_rows: int = _BLOCK_ROWS) -> None:
        """Copy the rows. Raises ``DeviceTooSmallError`` before anything is copied."""
        self._vectors = vectors
        self._block_rows = block_rows
        self._lock = threading.Lock()
        self.device = torch.device(device)
        self.bytes = 2 * len(vectors) * vectors.dim
        """Memory of the device that the rows take."""
        _refuse_small(self.device, self.bytes)
        self._rows = torch.empty((len(vectors), vectors.dim), dtype=torch.float16, device=self.device)
        for first, block in vectors.blocks(block_rows):
            self._rows[first : first + len(block)] = torch.from_numpy(block).to(self.device, torch.float16)  # lossless

    def search(self, queries: Vectors, k: int) -> list[tuple[Rows, Scores]]:
        """For each query (queries, dim) the best ``min(k, rows)`` rows and their exact scores, equal ones by row."""
        with self._lock, torch.inference_mode():
            candidates = self._candidates(torch.from_numpy(queries).to(self.device), k + _SLACK).cpu().numpy()
        return [rescored(self._vectors, query, rows, k) for query, rows in zip(queries, candidates, strict=True)]

    def close(self) -> None:
        """Free the memory. Closing twice is fine."""
        self._rows = torch.empty((0, self._vectors.dim), dtype=torch.float16)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _candidates(self, queries: torch.Tensor, n: int) -> torch.Tensor:
        """Rows of the ``n`` best scores of each query, in no order: (queries, at most n)."""
        rows = torch.empty((len(queries), 0), dtype=torch.long, device=self.device)
        scores = torch.empty((len(queries), 0), device=self.device)
        for first in range(0, len(self._rows), self._block_rows):
            # A product of halves would round scores to halves: many would be equal.
            block = self._rows[first : first + self._block_rows].float()
            best = (queries @ block.T).topk(min(n, len(block)), dim=1, sorted=False)
            rows = torch.cat([rows, best.indices + first], dim=1)
            scores = torch.cat([scores, best.values], dim=1)
            if rows.shape[1] > n:
                scores, kept = scores.topk(n, dim=1, sorted=False)
                rows = rows.gather(1, kept)
        return rows


def _refuse_small(device: torch.device, needed_bytes: int) -> None:
    if device.type != "cuda":
        return
    if not torch.cuda.is_available():
        raise DeviceTooSmallError(f"device {device}: torch sees no CUDA GPU; search on the cpu, by the index's codes")
    free, _ = torch.cuda.mem_get_info(device)
    if needed_bytes + _SPARE_BYTES > free:
        raise DeviceTooSmallError(
            f"device {device}: the rows take {needed_bytes / 1e9:.1f} GB and {_SPARE_BYTES / 1e9:.1f} GB more to work "
            f"in, {free / 1e9:.1f} GB are free; search on the cpu, by the index's codes, or in shards"
        )
