"""Servers on the nodes of a Ray cluster (extra ``ray``).

In: the config of an engine with ``ray``. Out: a node for each replica, with GPUs that Ray has given to it alone. An
actor on the node starts the server there; when the actor ends, because this process has ended or its node is lost, the
server ends as well. Not here: sharing weights between nodes, which have to be at the same path on all of them.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError, RayTaskError

from understudy.models.engines.engine import EngineError, RayNodes, ServerConfig
from understudy.models.engines.gpus import ON_CPU, ON_GPU
from understudy.models.engines.machines import ServerCommand, Taken
from understudy.models.process import STOP_S, ServerProcess, ServerStartError, free_ports
from understudy.ray_cluster import joined_cluster

SHORT_WAIT_S = 5.0
"""How long room is waited for where stopping a server could make it."""
POLL_S = 1.0
ASK_S = 60.0
"""How long a node may take to say whether a server runs."""


class _Starter:
    """Lives on the node, in a process of its own."""

    def __init__(self) -> None:
        self._process: ServerProcess | None = None
        self._cancelled = threading.Event()

    def place(self) -> tuple[str, int, tuple[str, ...]]:
        """Address of the node, a free port, and the GPUs that Ray has given to this actor."""
        host = ray.util.get_node_ip_address()
        return host, free_ports(host, 1)[0], tuple(str(gpu) for gpu in ray.get_gpu_ids())

    def start(self, server: ServerCommand) -> None:
        self.stop()
        self._process = server.started(self._cancelled)

    def has_ended(self) -> bool:
        return self._process is None or self._process.has_ended

    def explained(self, what: str) -> str:
        return what if self._process is None else self._process.explained(what)

    def cancel(self) -> None:
        self._cancelled.set()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


class _OnNode:
    """A server on a node, as the ``Running`` of this process."""

    def __init__(self, starter: Any, host: str) -> None:
        self._starter, self._host = starter, host

    @property
    def has_ended(self) -> bool:
        """True if its node is lost; a node that answers slowly, or cannot be reached for a while, is not."""
        try:
            return bool(ray.get(self._starter.has_ended.remote(), timeout=ASK_S))
        except (GetTimeoutError, ActorUnavailableError):
            return False
        except RayError:
            return True

    def explained(self, what: str) -> str:
        """With the end of the server's log, if the node can still be asked."""
        try:
            return f"{self._host}: {ray.get(self._starter.explained.remote(what), timeout=ASK_S)}"
        except RayError as error:
            return f"{self._host}: {what}; its node cannot be asked: {error}"

    def stop(self) -> None:
        """The server ends with its actor if the node does not answer."""
        with contextlib.suppress(RayError):
            ray.get(self._starter.stop.remote(), timeout=2 * STOP_S)


class RayNode:
    """The place of one replica on a node of the cluster."""

    def __init__(self, starter: Any, place: tuple[str, int, tuple[str, ...]]) -> None:
        self._starter = starter
        self.host, self.port, self.gpus = place

    def start(self, server: ServerCommand, cancelled: threading.Event) -> _OnNode:
        """Raises ``ServerStartError``, also for a node that is lost. One that cannot be reached is asked again."""
        deadline = time.monotonic() + server.deadline_s
        while True:
            started = self._starter.start.remote(server)
            while not ray.wait([started], timeout=POLL_S)[0]:
                if cancelled.is_set():
                    self._starter.cancel.remote()
            try:
                ray.get(started)
            except RayTaskError as error:
                raise error.cause from error
            except RayError as error:
                is_away = isinstance(error, ActorUnavailableError) and time.monotonic() < deadline
                if not is_away or cancelled.wait(POLL_S):
                    raise ServerStartError(f"{self.host}: the node of this server is lost: {error}") from error
            else:
                return _OnNode(self._starter, self.host)


class OnRayNodes:
    """Places on the nodes of a cluster, which Ray gives."""

    def __init__(self, nodes: RayNodes) -> None:
        """Joins the cluster. Raises ``EngineError`` if there is none."""
        self._membership = ExitStack()
        try:
            self._membership.enter_context(joined_cluster(nodes.address))
        except ConnectionError as error:
            raise EngineError(f"engine.ray.address: there is no Ray cluster at {nodes.address}: {error}") from error

    def wanted(self, config: ServerConfig) -> tuple[int, float]:
        """As many servers as the cluster's GPUs allow, unless the config says how many. Each has its GPUs alone."""
        n_gpus = _n_gpus()
        share = config.memory_share or (ON_GPU if n_gpus else ON_CPU)
        return config.replicas or max(1, n_gpus // config.gpus_per_replica), share

    def take(self, config: ServerConfig, *, may_wait: bool) -> Taken | None:
        """Waits for nodes, which may still join, up to ``wait_for_nodes_s``."""
        assert config.ray is not None
        n_servers, share = self.wanted(config)
        actor = ray.remote(
            num_cpus=config.ray.cpus_per_replica,
            num_gpus=config.gpus_per_replica if _n_gpus() else 0,
            max_concurrency=4,  # a start, a question, a cancellation and a stop
            scheduling_strategy="SPREAD",
        )(_Starter)
        starters = [actor.remote() for _ in range(n_servers)]
        try:
            places = [starter.place.remote() for starter in starters]
            wait_s = config.ray.wait_for_nodes_s if may_wait else SHORT_WAIT_S
            if len(ray.wait(places, num_returns=len(places), timeout=wait_s)[0]) < len(places):
                _end(starters)
                return None
            machines = [RayNode(*each) for each in zip(starters, ray.get(places), strict=True)]
        except BaseException:
            _end(starters)
            raise
        return Taken(tuple(machines), share, partial(_end, starters))

    def description(self) -> str:
        """What the cluster has, and what of it is free."""
        total, free = ray.cluster_resources(), ray.available_resources()
        parts = (f"{free.get(one, 0):g} of {total.get(one, 0):g} {one}s free" for one in ("GPU", "CPU"))
        return f"Ray cluster: {', '.join(parts)}"

    def close(self) -> None:
        """Leave the cluster."""
        self._membership.close()


def _n_gpus() -> int:
    return int(ray.cluster_resources().get("GPU", 0))


def _end(starters: Sequence[Any]) -> None:
    """Ray gives the GPUs of ended actors to others."""
    for starter in starters:
        with contextlib.suppress(RayError):
            ray.kill(starter)
