"""One pool of worker processes for all grading tests: starting it costs a cold import of sympy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.grading.config import MathConfig
from understudy.grading.math_grader import MathGrader
from understudy.grading.pool import WorkerPool


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    config = MathConfig()
    with WorkerPool(1, config.deadline_s, config.worker_memory_bytes) as opened:
        yield opened


@pytest.fixture(scope="session")
def grader(pool: WorkerPool) -> MathGrader:
    return MathGrader(MathConfig(), pool)
