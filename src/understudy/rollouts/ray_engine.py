"""The same rollout on the nodes of a Ray cluster (extra ``ray``).

In: what an agent is made of, and assignments. Out: trajectories, handed to ``keep`` on the machine that writes the
file. Each worker is an actor with its own model, sandbox and tools, and a share of the episodes in flight. Where a
worker's node goes away, others make its attempts again: an attempt is recorded once, when it has ended. Not covered:
starting a cluster of several machines (``ray up``), sharing files between them.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError

from understudy.agents import AgentFacts
from understudy.records import Trajectory
from understudy.rollouts.config import RolloutConfig
from understudy.rollouts.spec import AgentSpec, open_spec
from understudy.rollouts.workers import Assignment

MAX_TRIES = 5
"""Workers that one attempt may lose before the rollout gives up: it may be the attempt that kills them."""


class WorkersLostError(Exception):
    """No worker is left, or one attempt's workers died again and again."""


class _Worker:
    """Lives in a process of its own on some node. Records cross as JSON, which has a schema."""

    def __init__(self, spec: str) -> None:
        self._opened = open_spec(AgentSpec.model_validate_json(spec))
        self._agent = self._opened.__enter__()

    def facts(self) -> str:
        return self._agent.facts.model_dump_json()

    def solve(self, assignment: str) -> str:
        return Assignment.model_validate_json(assignment).solve(self._agent).model_dump_json()

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


class RayWorkers:
    """Actors on a cluster, as ``open_ray_workers`` gives them."""

    def __init__(self, actors: Sequence[Any], in_flight_each: int) -> None:  # Ray's handles have no static type
        self._actors = dict(enumerate(actors))
        self._in_flight_each = in_flight_each
        self.facts = AgentFacts.model_validate_json(ray.get(actors[0].facts.remote()))

    def solve_all(self, assignments: Sequence[Assignment], keep: Callable[[Trajectory], None]) -> None:
        """Make all attempts. Raises ``WorkersLostError``, and what an agent itself raises."""
        waiting = deque(assignments)
        given: dict[Any, tuple[int, Assignment]] = {}
        tries: Counter[str] = Counter()
        while waiting or given:
            self._give(waiting, given)
            finished, _ = ray.wait(list(given), num_returns=1)
            worker, assignment = given.pop(finished[0])
            try:
                reply = ray.get(finished[0])
            except RayActorError as error:
                self._lose(worker, error)
                tries[assignment.id] += 1
                if tries[assignment.id] >= MAX_TRIES:
                    raise WorkersLostError(
                        f"{assignment.id} lost {MAX_TRIES} workers; the last one: {error}"
                    ) from error
                waiting.appendleft(assignment)
            else:
                keep(Trajectory.model_validate_json(reply))

    def close(self) -> None:
        """End all actors that still live, and what they hold."""
        closing = [actor.close.remote() for actor in self._actors.values()]
        ray.wait(closing, num_returns=len(closing), timeout=10.0)
        for actor in self._actors.values():
            ray.kill(actor)
        self._actors.clear()

    def _give(self, waiting: deque[Assignment], given: dict[Any, tuple[int, Assignment]]) -> None:
        """Hand out assignments, always to the worker with the fewest."""
        busy = Counter(worker for worker, _ in given.values())
        while waiting and self._actors:
            worker = min(self._actors, key=lambda each: busy[each])
            if busy[worker] >= self._in_flight_each:
                return
            busy[worker] += 1
            assignment = waiting.popleft()
            given[self._actors[worker].solve.remote(assignment.model_dump_json())] = (worker, assignment)

    def _lose(self, worker: int, error: RayActorError) -> None:
        if isinstance(error, ActorUnavailableError):
            return  # its node may come back; the attempt is made elsewhere or again
        self._actors.pop(worker, None)
        if not self._actors:
            raise WorkersLostError(f"no worker is left; the last one: {error}") from error


@contextmanager
def open_ray_workers(spec: AgentSpec, config: RolloutConfig) -> Iterator[RayWorkers]:
    """Join or start a cluster and start the workers; end them, and the cluster that was started here, afterwards."""
    started_here = not ray.is_initialized()
    if started_here:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address=config.ray.address, include_dashboard=False, log_to_driver=False)
    in_flight_each = -(-config.in_flight // config.ray.n_workers)
    make = ray.remote(
        num_cpus=config.ray.cpus_per_worker,
        num_gpus=config.ray.gpus_per_worker,
        max_concurrency=in_flight_each + 1,
        scheduling_strategy="SPREAD",
    )(_Worker)
    try:
        actors = [make.remote(spec.model_dump_json()) for _ in range(config.ray.n_workers)]
        workers = RayWorkers(actors, in_flight_each)
        try:
            yield workers
        finally:
            workers.close()
    finally:
        if started_here:
            ray.shutdown()
