"""Fixtures that many rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

settings.register_profile("house", deadline=None)  # a loaded machine is slow, which is no fault of the code
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the paper's real question sets and the Qwen2.5 tokenizer, beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data" / "benchmarks").is_dir():
        pytest.skip("no ../shared/data/benchmarks beside this checkout: the real question sets are not here")
    return folder
