"""The config and the summary of a rollout."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.annotations import RayAddress, SpeedOnly
from understudy.records import Record, Usage
from understudy.rollouts.outcomes import Outcome


class Engine(StrEnum):
    """Where episodes run."""

    THREADS = "threads"
    """In this process, one thread per episode."""
    RAY = "ray"
    """On the nodes of a Ray cluster (extra ``ray``)."""


class RayConfig(Record):
    """The Ray cluster; only for ``engine: ray``."""

    address: RayAddress | None = None
    """As ``ray.init`` takes it; None starts a cluster on this machine, or joins the one that is initialised."""
    n_workers: Annotated[int, Field(ge=1)] = 2
    """Processes, each with a model, a sandbox and a share of the episodes in flight."""
    cpus_per_worker: Annotated[float, Field(gt=0)] = 1.0
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    wait_for_workers_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1800.0
    """How long a rollout waits while no worker is ready, loading of the model included; nodes may still join."""


class RolloutConfig(Record):
    """How tasks are turned into trajectories."""

    attempts: Annotated[int, Field(ge=1)] = 1
    """Trajectories per task."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    in_flight: Annotated[int, Field(ge=1), SpeedOnly] = 32
    """Concurrent episodes over all workers."""
    engine: Annotated[Engine, SpeedOnly] = Engine.THREADS
    ray: Annotated[RayConfig, SpeedOnly] = RayConfig()

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("ray",) if self.engine is Engine.RAY else ()


class RolloutSummary(Record):
    """Facts about the file of a finished rollout."""

    n_wanted: int
    """Tasks times attempts."""
    n_before: int = 0
    """Finished by an earlier run and kept."""
    n_retried: int = 0
    """Infrastructure errors of an earlier run that were retried."""
    outcomes: dict[Outcome, int] = Field(default_factory=dict)
    """Counts of all valid records, before any grading."""
    n_without_first_thought: int = 0
    """Attempts without the first thought that the recipe asks for."""
    candidates_saved: int = 0
    """Samples that adaptive voting did not request."""
    usage: Usage = Usage()
    """Of all records that count."""
    wall_s: float = 0.0
    """Of this run."""

    @property
    def n_failed(self) -> int:
        """Infrastructure errors: a resumed rollout retries them."""
        return self.outcomes.get(Outcome.PROVIDER, 0) + self.outcomes.get(Outcome.SANDBOX, 0)
