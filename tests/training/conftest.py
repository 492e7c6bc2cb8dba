"""One tiny base and one file of examples for all tests of this package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import save_tiny_model
from tests.training.conversations import write_examples


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_model(tmp_path_factory.mktemp("base"), scale=0.02))


@pytest.fixture(scope="session")
def examples_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_examples(tmp_path_factory.mktemp("examples") / "examples.jsonl", 24)
