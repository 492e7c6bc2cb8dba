"""The same rollout on the nodes of a Ray cluster (extra ``ray``).

In: an ``AgentSpec``, and assignments. Out: trajectories, passed to ``keep`` on the machine that writes the file. Each
worker is an actor with its own model, sandbox and tools, and a share of the episodes in flight. If a worker's node is
lost, others make its attempts again: an attempt is recorded once, when it has ended. Not covered: starting a cluster of
several machines (``ray up``), sharing files between them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, ObjectLostError, RayError, RayTaskError

from understudy.agents import Agent, AgentFacts
from understudy.progress import GENERATED_TOKENS
from understudy.ray_cluster import joined_cluster
from understudy.records import Trajectory
from understudy.rollouts.config import RolloutConfig
from understudy.rollouts.spec import AgentSpec, open_spec
from understudy.rollouts.worker_slot import Patience, Slot
from understudy.rollouts.workers import Assignment

MAX_TRIES = 5
"""Workers that may die during one attempt before the rollout stops, because the attempt itself may kill them."""

_CLOSING_S = 10.0
_CLOSING_AFTER_ERROR_S = 1.0
"""How long workers may take to close; Ctrl-C must not wait for running attempts."""


class WorkersLostError(Exception):
    """There was no worker for too long, or one attempt's workers died again and again."""


class _Worker:
    """Lives in a process of its own on some node. Records cross as JSON, which has a schema."""

    def __init__(self, spec: str) -> None:
        self._opened = open_spec(AgentSpec.model_validate_json(spec))
        self._agent: Agent | None = None
        self._opening = threading.Lock()

    def facts(self) -> str:
        """Open the agent if that has not been done. What opening raises reaches the rollout as it is."""
        return self._open().facts.model_dump_json()

    def solve(self, assignment: str) -> str:
        return Assignment.model_validate_json(assignment).solve(self._open()).model_dump_json()

    def close(self) -> None:
        if self._agent is not None:
            self._opened.__exit__(None, None, None)

    def _open(self) -> Agent:
        with self._opening:
            if self._agent is None:
                self._agent = self._opened.__enter__()
            return self._agent


class RayWorkers:
    """Workers on a cluster, as ``open_ray_workers`` gives them. Used by one thread."""

    facts: AgentFacts

    def __init__(self, spec: AgentSpec, config: RolloutConfig, patience: Patience) -> None:
        """Starts nothing yet."""
        self._in_flight_each = -(-config.in_flight // config.ray.n_workers)
        cluster = _RayCluster(spec, config, max_concurrency=self._in_flight_each + 2)  # attempts, asking, closing
        self._slots = [Slot(cluster, patience) for _ in range(config.ray.n_workers)]
        self._wait_s = config.ray.wait_for_workers_s
        self._in_hand: dict[Any, tuple[Slot, Any, Assignment]] = {}
        """Ray's reference → the slot, the worker that got it, and the attempt."""
        self._had_worker_at = time.monotonic()
        self._was_ready = False
        self._last_error: BaseException | None = None

    def start(self) -> None:
        """Start all workers and wait for the first. Raises what opening an agent raises, and ``WorkersLostError``."""
        while not self._was_ready:
            self._attend([])

    def solve_all(self, assignments: Sequence[Assignment], keep: Callable[[Trajectory], None]) -> None:
        """Make all attempts. Raises ``WorkersLostError``, and what an agent itself raises."""
        waiting = deque(assignments)
        tries: Counter[str] = Counter()
        while waiting or self._in_hand:
            self._hand_out(waiting)
            for reference in self._attend(list(self._in_hand)):
                slot, worker, assignment = self._in_hand.pop(reference)
                trajectory = self._reply(reference, slot, worker, assignment, tries)
                if trajectory is None:
                    waiting.appendleft(assignment)
                else:
                    GENERATED_TOKENS.add(trajectory.usage.completion_tokens)  # by a model in another process
                    keep(trajectory)

    def close(self, wait_s: float) -> None:
        """End all workers, and what they hold."""
        closing = [slot.worker.close.remote() for slot in self._slots if slot.is_ready]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=wait_s)
        for slot in self._slots:
            slot.end()

    def _hand_out(self, waiting: deque[Assignment]) -> None:
        """Give assignments to workers that are ready, always to the one with the fewest."""
        busy = Counter(id(slot) for slot, _, _ in self._in_hand.values())
        while waiting:
            free = [slot for slot in self._slots if slot.is_ready and busy[id(slot)] < self._in_flight_each]
            if not free:
                return
            slot = min(free, key=lambda each: busy[id(each)])
            busy[id(slot)] += 1
            assignment = waiting.popleft()
            reference = slot.worker.solve.remote(assignment.model_dump_json())
            self._in_hand[reference] = (slot, slot.worker, assignment)

    def _attend(self, attempts: list[Any]) -> list[Any]:
        """Start and check workers, wait until something has happened, and return the attempts that have ended."""
        for slot in self._slots:
            slot.wake(time.monotonic())
        checks = {slot.check: slot for slot in self._slots if slot.check is not None}
        wait_s = max(0.0, min(self._seconds_left(), *(slot.wakes_at - time.monotonic() for slot in self._slots)))
        ended: list[Any] = []
        if attempts or checks:
            ended, _ = ray.wait([*attempts, *checks], num_returns=1, timeout=wait_s)
        else:
            time.sleep(wait_s)
        if any(slot.is_ready for slot in self._slots):
            self._had_worker_at = time.monotonic()
        for reference in ended:
            if reference in checks:
                self._check(checks[reference], reference)
        return [reference for reference in ended if reference not in checks]

    def _seconds_left(self) -> float:
        """Until a rollout without a worker is given up. Raises ``WorkersLostError`` if that is now."""
        left_s = self._had_worker_at + self._wait_s - time.monotonic()
        if all(slot.is_given_up for slot in self._slots):
            raise WorkersLostError(f"no worker could be started; the last error: {self._last_error}")
        if left_s <= 0:
            waited = f"no worker for {self._wait_s:g} s (ray.wait_for_workers_s)"
            raise WorkersLostError(f"{waited}; the last error: {self._last_error or 'the cluster has no room'}")
        return left_s

    def _check(self, slot: Slot, reference: Any) -> None:
        """Read whether a worker is ready. What opening the very first agent raises is raised."""
        try:
            facts = AgentFacts.model_validate_json(ray.get(reference))
        except RayTaskError as error:
            if not self._was_ready:
                raise error.cause from error
            self._report(slot, error.cause)
        except RayError as error:
            self._report(slot, error)
        else:
            if not self._was_ready:
                self.facts, self._was_ready = facts, True
            slot.ready()

    def _reply(
        self, reference: Any, slot: Slot, worker: Any, assignment: Assignment, tries: Counter[str]
    ) -> Trajectory | None:
        """The trajectory of an attempt; None if it must be made again."""
        try:
            trajectory = Trajectory.model_validate_json(ray.get(reference))
        except RayTaskError as error:
            raise error.cause from error
        except RayError as error:
            if slot.worker is worker:
                self._report(slot, error)
            has_died = not isinstance(error, ActorUnavailableError | ObjectLostError) and slot.replaced is not worker
            tries[assignment.id] += has_died
            if tries[assignment.id] >= MAX_TRIES:
                raise WorkersLostError(
                    f"{assignment.id}: {MAX_TRIES} workers died while they made this attempt; the last one: {error}"
                ) from error
            return None
        if slot.worker is worker:
            slot.finished_attempt()
        return trajectory

    def _report(self, slot: Slot, error: BaseException) -> None:
        self._last_error = error
        if isinstance(error, ActorUnavailableError | ObjectLostError):
            slot.unavailable(time.monotonic())
        else:
            slot.died(time.monotonic())


class _RayCluster:
    """Starts and ends workers as Ray's actors."""

    def __init__(self, spec: AgentSpec, config: RolloutConfig, max_concurrency: int) -> None:
        self._spec = spec.model_dump_json()
        self._actor = ray.remote(
            num_cpus=config.ray.cpus_per_worker,
            num_gpus=config.ray.gpus_per_worker,
            max_concurrency=max_concurrency,
            scheduling_strategy="SPREAD",
        )(_Worker)

    def start(self) -> Any:
        return self._actor.remote(self._spec)

    def ask(self, worker: Any) -> Any:
        return worker.facts.remote()

    def end(self, worker: Any) -> None:
        ray.kill(worker)


@contextmanager
def open_ray_workers(spec: AgentSpec, config: RolloutConfig) -> Iterator[RayWorkers]:
    """Join or start a cluster and start the workers; end them, and leave the cluster, afterwards."""
    with joined_cluster(config.ray.address):
        workers = RayWorkers(spec, config, Patience())
        closing_s = _CLOSING_AFTER_ERROR_S
        try:
            workers.start()
            yield workers
            closing_s = _CLOSING_S
        finally:
            workers.close(closing_s)
