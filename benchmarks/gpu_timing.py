"""Shared by the parts of the check on a GPU: the device, and the timing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
"""One line of the table."""


def where() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def seconds_of(run: Callable[[], object], repeats: int = 10) -> float:
    """Of one call; three more come before, to warm up."""
    for _ in range(3):
        run()
    synchronise()
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    synchronise()
    return (time.perf_counter() - started) / repeats


def synchronise() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def reset_peak() -> None:
    """Forget the peak of the card's memory so far."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gb() -> float:
    """Most memory of the card at once since ``reset_peak``; 0 without one."""
    import torch

    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
