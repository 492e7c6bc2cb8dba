"""Where servers run: places on this machine, behind the calls that nodes of a cluster have too.

In: the config of an engine. Out: a machine for each replica, on which its server is started. Not here: nodes of a Ray
cluster (``ray_nodes``); watching servers (``server``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from understudy.models.engines.engine import ServerConfig
from understudy.models.engines.gpus import Memory
from understudy.models.process import ServerProcess, free_ports


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What a server is started with."""

    command: tuple[str, ...]
    health_url: str
    deadline_s: float
    """How long it may take to be healthy."""
    environment: Mapping[str, str]
    """Variables beside those of the process that starts it."""

    def started(self, cancelled: threading.Event) -> ServerProcess:
        """Started by this process, and healthy. Raises ``ServerStartError``, also if ``cancelled`` is set before."""
        process = ServerProcess(
            self.command,
            self.health_url,
            deadline_s=self.deadline_s,
            environment=self.environment,
            cancelled=cancelled,
        )
        return process.__enter__()


class Running(Protocol):
    """A server that was started."""

    @property
    def has_ended(self) -> bool: ...
    def explained(self, what: str) -> str: ...
    def stop(self) -> None: ...


class Machine(Protocol):
    """The place of one replica. Its address stays the same when the server is started again."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def gpus(self) -> tuple[str, ...]:
        """Names for ``CUDA_VISIBLE_DEVICES``; empty on a machine without GPUs."""
        ...

    def start(self, server: ServerCommand, cancelled: threading.Event) -> Running:
        """A healthy server. Raises ``ServerStartError``, also if ``cancelled`` is set before it is healthy."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """The places of all replicas of a model, and the share of each place's memory that a server takes."""

    machines: tuple[Machine, ...]
    memory_share: float
    give_back: Callable[[], None]
    """Called when the servers have been stopped."""


class Machines(Protocol):
    """Gives places to servers."""

    def wanted(self, config: ServerConfig) -> tuple[int, float]:
        """How many servers, and the share of memory that each takes."""
        ...

    def take(self, config: ServerConfig, *, may_wait: bool) -> Taken | None:
        """Places for all replicas; None if there is no room now. ``may_wait``: nothing that runs could make room."""
        ...

    def description(self) -> str: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """GPUs of this machine, or the machine without a GPU."""

    host: str
    port: int
    gpus: tuple[str, ...]

    def start(self, server: ServerCommand, cancelled: threading.Event) -> ServerProcess:
        """Raises ``ServerStartError``."""
        return server.started(cancelled)


@dataclass(slots=True)
class OnThisMachine:
    """Places on this machine, as many as its memory allows."""

    memory: Memory = field(default_factory=Memory)

    def wanted(self, config: ServerConfig) -> tuple[int, float]:
        """As many servers as the GPUs allow, unless the config says how many."""
        n_servers = self.memory.n_servers(config.replicas, config.gpus_per_replica)
        return n_servers, self.memory.share(config.memory_share, n_servers)

    def take(self, config: ServerConfig, *, may_wait: bool) -> Taken | None:  # noqa: ARG002
        """At once or not: nobody but the pool makes room on this machine."""
        n_servers, share = self.wanted(config)
        places = self.memory.places(n_servers, config.gpus_per_replica, share)
        if places is None:
            return None
        self.memory.take(places, share)
        ports = free_ports(config.host, n_servers)
        machines = tuple(ThisMachine(config.host, *each) for each in zip(ports, places, strict=True))
        return Taken(machines, share, partial(self.memory.take, places, -share))

    def description(self) -> str:
        """What there is."""
        return f"{len(self.memory.gpus)} GPUs" if self.memory.gpus else "no GPU"

    def close(self) -> None:
        """There is nothing to leave."""
