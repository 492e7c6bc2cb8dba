"""Fixtures that tests of many packages share, and the plugin that says how long the tests of each package took."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.areas import AreaSummary
from tests.browser import browser, open_page  # noqa: F401

# A shell that starts a command in the background lets it ignore Ctrl-C, and its children too.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Examples may be slow on a busy machine. `make test` draws the same ones every time; `make test-all` draws new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile(os.environ.get("UNDERSTUDY_TEST_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the paper's real question sets and the Qwen2.5 tokenizer, beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data" / "benchmarks").is_dir():
        pytest.skip("no ../shared/data/benchmarks beside this checkout: the real question sets are not here")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    """With several workers the main process hears of all tests."""
    config.pluginmanager.register(AreaSummary())
