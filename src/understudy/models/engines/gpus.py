"""The GPUs of this machine, and which of them the next servers get.

In: nothing; shares of memory that servers take. Out: names for ``CUDA_VISIBLE_DEVICES``. Only NVIDIA's GPUs are known.
No large package is imported. Not here: starting servers.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

MACHINE = "machine"
"""Stands for the memory of a machine without GPUs."""
ON_GPU, ON_CPU = 0.9, 0.4
"""The share of memory that a server takes if its config does not say."""
_ROUNDING = 1e-9


def gpu_names() -> list[str]:
    """NVIDIA GPUs as the driver names them; empty if there is no driver."""
    return _asked("name,memory.total")


def visible_gpus() -> list[str]:
    """GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return _asked("index")
    return [name.strip() for name in allowed.split(",") if name.strip() and name.strip() != "-1"]


@dataclass(slots=True)
class Memory:
    """What the running servers take of the memory of each GPU, or of the machine."""

    gpus: list[str] = field(default_factory=visible_gpus)
    taken: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def share(self, configured: float | None, n_servers: int) -> float:
        """What one server takes of the memory of each of its places."""
        if self.gpus:
            return ON_GPU if configured is None else configured
        return (ON_CPU if configured is None else configured) / n_servers

    def n_servers(self, replicas: int | None, gpus_each: int) -> int:
        """How many servers of a model are started."""
        return replicas or max(1, len(self.gpus) // gpus_each)

    def places(self, n_servers: int, gpus_each: int, share: float) -> list[tuple[str, ...]] | None:
        """The GPUs of each server; without GPUs, the machine for each. None if their memory does not suffice."""
        if not self.gpus:
            fits = self.taken[MACHINE] + share * n_servers <= 1 + _ROUNDING
            return [()] * n_servers if fits else None
        free = [gpu for gpu in self.gpus if self.taken[gpu] + share <= 1 + _ROUNDING]
        chosen = sorted(free, key=lambda gpu: self.taken[gpu])[: n_servers * gpus_each]
        if len(chosen) < n_servers * gpus_each:
            return None
        return [tuple(chosen[n : n + gpus_each]) for n in range(0, len(chosen), gpus_each)]

    def take(self, places: Sequence[tuple[str, ...]], share: float) -> None:
        """Note what servers take; a negative share gives it back."""
        for place in places:
            for gpu in place or (MACHINE,):
                self.taken[gpu] += share


def _asked(what: str) -> list[str]:
    try:
        result = subprocess.run(
            ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]
