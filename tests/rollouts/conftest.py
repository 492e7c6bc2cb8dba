"""One sandbox for all tests of rollouts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.sandbox import Limits, Sandbox, SandboxConfig, open_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(SandboxConfig(preload=(), limits=Limits(cpu_s=2.0, wall_s=10.0))) as opened:
        yield opened
