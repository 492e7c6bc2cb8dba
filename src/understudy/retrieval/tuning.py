"""How many lists to probe and how many candidates to rescore, chosen against exact search.

In: codes, query vectors that the index has not seen and their exact answers. Out: the cheapest ``Tuning`` that finds
the wanted share of the exact best ten. Rescoring is exact, so every candidate that belongs to the best ten gets there:
it is enough to count which rows are candidates, and one search per number of probes serves all numbers of candidates.
Cost is counted, not timed, so that tuning is reproducible.
"""

from __future__ import annotations

import numpy as np

from understudy.records import Record
from understudy.retrieval.encoder import Vectors
from understudy.retrieval.exact import Rows, exact_search
from understudy.retrieval.ivf import Codes
from understudy.retrieval.vectors import VectorFile

_DEPTH = 10
_PROBED_SHARES = (1 / 128, 1 / 64, 1 / 32, 3 / 64, 1 / 16, 3 / 32, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 1.0)
_N_CANDIDATES = (32, 64, 100, 150, 200, 300, 400, 600, 800)
_CODES_A_RESCORING = 50
"""One exact rescoring costs about as much as this many codes (a read and 1.5 KB against 100 bytes in sequence)."""


class Tuning(Record):
    """The search settings of an index, and their measured recall."""

    n_probes: int
    n_candidates: int
    wanted: float
    """Requested share of the exact best ten. The reached share is lower if no setting reaches it."""
    recall_at_3: float
    recall_at_10: float
    n_queries: int
    """Size of the sample; the standard error of a recall near .98 is about .14 / sqrt(10 n)."""


def tune(codes: Codes, vectors: VectorFile, queries: Vectors, wanted: float) -> Tuning:
    """The cheapest setting whose recall@10 on these queries (queries, dim) is at least ``wanted``."""
    truth = [rows for rows, _ in exact_search(vectors, queries, _DEPTH)]
    best: tuple[float, Tuning] | None = None
    fullest: Tuning | None = None
    for n_probes in sorted({max(1, round(share * codes.n_lists)) for share in _PROBED_SHARES}):
        scan_cost = codes.n_lists + codes.rows * n_probes / codes.n_lists
        if best is not None and scan_cost >= best[0]:
            break
        found = [codes.candidates(query, n_probes, _N_CANDIDATES[-1]) for query in queries]
        for n_candidates in _N_CANDIDATES:
            setting = _measured(found, truth, n_probes, n_candidates, wanted)
            cost = scan_cost + _CODES_A_RESCORING * n_candidates
            if setting.recall_at_10 >= wanted and (best is None or cost < best[0]):
                best = (cost, setting)
        fullest = setting
    if best is not None:
        return best[1]
    if fullest is None:
        raise ValueError("tuning: expected at least one query, got none")
    return fullest


def _measured(found: list[Rows], truth: list[Rows], n_probes: int, n_candidates: int, wanted: float) -> Tuning:
    return Tuning(
        n_probes=n_probes,
        n_candidates=n_candidates,
        wanted=wanted,
        recall_at_3=recall([rows[:n_candidates] for rows in found], truth, 3),
        recall_at_10=recall([rows[:n_candidates] for rows in found], truth, _DEPTH),
        n_queries=len(truth),
    )


def recall(found: list[Rows], truth: list[Rows], k: int) -> float:
    """Mean share of the first ``k`` true rows that were found."""
    shares = [np.isin(true[:k], rows).mean() for rows, true in zip(found, truth, strict=True)]
    return float(np.mean(shares))
