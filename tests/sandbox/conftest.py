"""One sandbox for all tests that need no particular one: opening costs a second, an episode ten milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.sandbox import Episode, Limits, Sandbox

FAST = Limits(cpu_s=1.0, wall_s=3.0, memory_bytes=256 << 20)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """numpy, sympy and the standard imports, generous limits."""
    with Sandbox(limits=Limits(cpu_s=20, wall_s=60)) as opened:
        yield opened


@pytest.fixture(scope="session")
def strict_sandbox() -> Iterator[Sandbox]:
    """The paper's imports and limits that are soon reached."""
    with Sandbox(imports=("paper",), limits=FAST) as opened:
        yield opened


@pytest.fixture(scope="session")
def light_sandbox() -> Iterator[Sandbox]:
    """Nothing preloaded: cheap forks."""
    with Sandbox(preload=(), limits=FAST) as opened:
        yield opened


@pytest.fixture
def episode(sandbox: Sandbox) -> Iterator[Episode]:
    """A fresh state."""
    with sandbox.episode(seed=7) as opened:
        yield opened
