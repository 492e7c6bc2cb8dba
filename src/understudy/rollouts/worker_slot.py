"""One worker of a rollout on other machines, and its replacement. In: reports about the worker. Out: whether it may get
attempts. An unreachable worker is paused, longer each time until it has finished an attempt again; a worker that stays
unreachable, or has died, is replaced. Not here: the distribution of attempts, and Ray.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an unreachable worker."""

    first_rest_s: float = 1.0
    longest_rest_s: float = 30.0
    replace_after_s: float = 60.0
    """A worker that is unreachable for this long is replaced: Ray may notice only after minutes that its node is
    gone."""
    n_failed_starts: int = 5
    """After this many replacements in a row that could not be opened, the slot stays empty."""


class Cluster(Protocol):
    """What starts workers and ends them. Its handles have no static type."""

    def start(self) -> Any:
        """Start a worker wherever there is room, on a node that has joined since too; do not wait for it."""
        ...

    def ask(self, worker: Any) -> Any:
        """Ask a worker whether it is ready; returns a reference to the answer."""
        ...

    def end(self, worker: Any) -> None:
        """Kill a worker, which may be dead already."""
        ...


class Slot:
    """The place of one worker. Used by one thread; ``now`` is monotonic time in seconds."""

    def __init__(self, cluster: Cluster, patience: Patience) -> None:
        self._cluster = cluster
        self._patience = patience
        self._rest_s = 0.0
        self._away_since: float | None = None
        self._n_failed_starts = 0
        self._was_ready = False
        self.worker: Any = None
        self.replaced: Any = None
        """The last worker that was killed here because it stayed away."""
        self.check: Any = None
        """Reference to the answer whether the worker is ready; None if it was not asked."""
        self.is_ready = False
        self.wakes_at = 0.0
        """When the worker is asked next, or started: infinity if nothing is to be done."""

    @property
    def is_given_up(self) -> bool:
        return self._n_failed_starts >= self._patience.n_failed_starts

    def wake(self, now: float) -> None:
        """Start a worker, or ask the one that is there, if it has rested for long enough."""
        if now < self.wakes_at:
            return
        self.wakes_at = math.inf
        if self.worker is None:
            self._was_ready = False
            self.worker = self._cluster.start()
        self.check = self._cluster.ask(self.worker)

    def ready(self) -> None:
        """The worker has answered."""
        self.check, self.is_ready, self._was_ready = None, True, True
        self._away_since, self._n_failed_starts = None, 0

    def finished_attempt(self) -> None:
        """The worker works: its next pause is short again."""
        self._rest_s = 0.0

    def unavailable(self, now: float) -> None:
        """The worker is unreachable, which may be temporary."""
        if self.is_resting:
            return  # each of its attempts reports the same
        self._away_since = now if self._away_since is None else self._away_since
        if now - self._away_since >= self._patience.replace_after_s:
            self.replaced = self.worker
            self.end()
        self._rest(now, at_least_s=0.0 if self.worker is None else self._patience.first_rest_s)

    def died(self, now: float) -> None:
        """The worker is gone, or could not be opened."""
        if self.is_resting and self.worker is None:
            return
        self._n_failed_starts += not self._was_ready
        self.end()
        self._rest(now)
        if self.is_given_up:
            self.wakes_at = math.inf

    def end(self) -> None:
        """Kill the worker, if there is one."""
        if self.worker is not None:
            self._cluster.end(self.worker)
        self.worker = self._away_since = None

    @property
    def is_resting(self) -> bool:
        return not self.is_ready and self.check is None

    def _rest(self, now: float, at_least_s: float = 0.0) -> None:
        self.check, self.is_ready = None, False
        rest_s = max(self._rest_s, at_least_s)
        self.wakes_at = now + rest_s
        self._rest_s = min(max(2 * rest_s, self._patience.first_rest_s), self._patience.longest_rest_s)
