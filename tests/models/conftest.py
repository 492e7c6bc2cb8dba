"""One tiny checkpoint, one adapter and one loaded model for all tests of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny_model import save_tiny_adapter, save_tiny_model
from understudy.models.config import DType, LocalConfig
from understudy.models.local import LocalModel


@pytest.fixture(scope="session")
def tiny_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def adapter_dir(tiny_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_adapter(tiny_dir, tmp_path_factory.mktemp("tiny") / "adapter")


@pytest.fixture(scope="session")
def local_model(tiny_dir: Path) -> Iterator[LocalModel]:
    """In float64, where a reply does not depend on its company."""
    with LocalModel(LocalConfig(path=str(tiny_dir), dtype=DType.FLOAT64, name="tiny")) as model:
        yield model
