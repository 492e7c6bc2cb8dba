"""Search on a device gives what exact search on a CPU gives: the same rows, the same scores, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from understudy.retrieval import DenseConfig
from understudy.retrieval.device_rows import DeviceRows, DeviceTooSmallError
from understudy.retrieval.exact import exact_search
from understudy.retrieval.vectors import VectorFile

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]),
]


def write(path: Path, rows: np.ndarray) -> VectorFile:
    path.write_bytes(rows.astype("<f2").tobytes())
    return VectorFile(path, rows.shape[1])


def same(one: list[tuple[np.ndarray, np.ndarray]], other: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all(np.array_equal(r1, r2) and np.array_equal(s1, s2) for (r1, s1), (r2, s2) in pairs)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=40, deadline=None)
@given(
    n_rows=st.integers(1, 90),
    dim=st.sampled_from([1, 3, 16]),
    n_queries=st.integers(1, 5),
    k=st.integers(1, 100),
    block_rows=st.sampled_from([1, 7, 32, 1000]),
    seed=st.integers(0, 2**20),
)
def test_any_shape_is_searched_as_on_a_cpu(
    tmp_path_factory: pytest.TempPathFactory,
    device: str,
    n_rows: int,
    dim: int,
    n_queries: int,
    k: int,
    block_rows: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    vectors = write(tmp_path_factory.mktemp("rows") / "v", random.standard_normal((n_rows, dim)))
    queries = random.standard_normal((n_queries, dim)).astype(np.float32)
    rows = DeviceRows(vectors, device, block_rows)
    found = rows.search(queries, k)
    assert same(found, exact_search(vectors, queries, k))
    assert all(len(each) == min(k, n_rows) for each, _ in found)
    assert rows.bytes == 2 * n_rows * dim
    rows.close()
    rows.close()
    vectors.close()


@pytest.mark.parametrize("device", DEVICES)
def test_rows_that_only_float32_tells_apart_stay_apart(tmp_path: Path, device: str) -> None:
    """Their scores differ by less than a half-precision product could show."""
    random = np.random.default_rng(3)
    base = random.standard_normal(64)
    rows = np.tile(base / np.linalg.norm(base), (5000, 1)) + 2e-3 * random.standard_normal((5000, 64))
    vectors = write(tmp_path / "v", rows)
    queries = rows[:20].astype(np.float32)
    truth = exact_search(vectors, queries, 10)
    gaps = [abs(float(scores[0] - scores[9])) for _, scores in truth]
    assert max(gaps) < 2**-8, "all of them within a few steps of half precision"
    on_device = DeviceRows(vectors, device, 512)
    assert same(on_device.search(queries, 10), truth)
    on_device.close()
    vectors.close()


@pytest.mark.parametrize("device", DEVICES)
def test_equal_rows_come_in_their_order(tmp_path: Path, device: str) -> None:
    vectors = write(tmp_path / "v", np.ones((12, 4)))
    ((rows, scores),) = DeviceRows(vectors, device, 5).search(np.ones((1, 4), dtype=np.float32), 12)
    assert rows.tolist() == list(range(12))
    assert set(scores.tolist()) == {4.0}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceTooSmallError, match=r"torch sees no CUDA GPU; search on the cpu"):
        DeviceRows(write(tmp_path / "v", np.ones((2, 2))), "cuda")


def test_a_gpu_that_is_too_small_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch would tell of a card with 1.5 GB free, three quarters of the spare room gone to the rows."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1_073_741_824 + 15, 2**33))
    with pytest.raises(DeviceTooSmallError, match=r"the rows take .* GB are free; search on the cpu"):
        DeviceRows(write(tmp_path / "v", np.ones((2, 4))), "cuda")


def test_only_devices_that_can_be_searched_are_named() -> None:
    assert DenseConfig(folder=Path(), device="cuda:1").device == "cuda:1"
    with pytest.raises(ValidationError, match="device"):
        DenseConfig(folder=Path(), device="gpu")
