"""The servers that a run holds: started when a model is first opened, shared, and stopped.

In: configs of models. Out: opened models. A server is kept until another base needs its memory, until ``stop_unused``,
or until the pool is closed. A student is compared with its checkpoint before its first use; if this process computes
it, weights that were loaded for the comparison are taken for its first use. Not here: one server and its restarts
(``server``); the comparison (``models.parity``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from understudy.closing import Closing
from understudy.models.config import LocalConfig, OpenAIChatConfig
from understudy.models.engines.checking import check_served
from understudy.models.engines.engine import (
    EngineError,
    ServerConfig,
    ServerEngine,
    Weights,
    name_in_records,
    serving_engine,
)
from understudy.models.engines.machines import Machines, OnThisMachine, Taken
from understudy.models.engines.server import Servers
from understudy.models.model import Model, ModelConfig, Request, open_model, with_settings
from understudy.models.openai_chat import OpenAIChatModel
from understudy.records import Completion, PrefixDelivery, Record
from understudy.registry import PartConfig
from understudy.runs import digest

if TYPE_CHECKING:
    from understudy.models.loading import Checkpoint


class ServedModel(OpenAIChatModel):
    """A local model that a server computes. Records show the same as for the model in this process."""

    gives_logprobs = True

    def __init__(self, name: str, client: OpenAIChatConfig, release: Callable[[], None] = lambda: None) -> None:
        """``release`` is called when the model is closed."""
        super().__init__(client)
        self.name = name
        self._release = release

    @property
    def prefix_delivery(self) -> PrefixDelivery:
        """The model continues what it is given."""
        return PrefixDelivery.CONTINUED

    def complete(self, request: Request) -> tuple[Completion, ...]:
        """Replies are not constrained to a schema, as they are not in this process."""
        return super().complete(replace(request, json_schema=None))

    def close(self) -> None:
        """Close the connections, and let others have the server's memory."""
        super().close()
        self._release()


class ServerPool(Closing):
    """Opens models; a context manager. Safe to use from many threads."""

    def __init__(self, check: Callable[[Weights, OpenAIChatConfig], None] = check_served) -> None:
        """``check``: compares a student with its checkpoint, before the student is first used."""
        self._check = check
        self._machines: dict[str, Machines] = {}
        self._servers: dict[str, Servers] = {}
        self._compared: set[tuple[str, str]] = set()
        self._loaded: tuple[LocalConfig, Checkpoint] | None = None
        self._lock = threading.RLock()

    def open(self, config: PartConfig) -> Model:
        """As ``open_model``, with the servers of this pool. Raises ``EngineError`` and ``ServerStartError`` too, and
        ``StudentMismatchError`` for a server that does not serve its checkpoint.
        """
        if not isinstance(config, LocalConfig):
            return open_model(config)
        with ExitStack() as stack:
            client = stack.enter_context(self.lease(config))
            if client is None:
                return with_settings(_in_process(config, self._take_loaded(config)), config)
            return with_settings(ServedModel(name_in_records(config), client, stack.pop_all().close), config)

    def pass_on(self, config: LocalConfig, checkpoint: Checkpoint) -> None:
        """Give the loaded weights of ``config`` to the next model that is opened in this process, if it has this
        config but for its name. They are dropped if it has another, or when unused servers are stopped.
        """
        with self._lock:
            self._loaded = (_unnamed(config), checkpoint)

    def _take_loaded(self, config: LocalConfig) -> Checkpoint | None:
        with self._lock:
            loaded, self._loaded = self._loaded, None
        return loaded[1] if loaded is not None and loaded[0] == _unnamed(config) else None

    @contextmanager
    def lease(self, model: LocalConfig) -> Iterator[OpenAIChatConfig | None]:
        """The client's config of a model that is served for the length of the block; None if it is computed in this
        process.
        """
        engine = serving_engine(model)
        if engine is None:
            yield None
            return
        with self._lock:
            weights = engine.weights(model)
            servers = self._started(engine, weights)
            servers.n_users += 1
        try:
            with self._lock:
                client = self._ready(engine, weights, servers)
            yield client
        finally:
            with self._lock:
                servers.n_users -= 1
                servers.last_used = time.monotonic()

    @property
    def are_in_use(self) -> bool:
        """Whether an open model uses a server."""
        with self._lock:
            return any(servers.n_users for servers in self._servers.values())

    def stop_unused(self) -> None:
        """Stop the servers that no open model uses, before something else needs their memory."""
        with self._lock:
            self._loaded = None
            for key in [key for key, servers in self._servers.items() if not servers.n_users]:
                self._stop(key)

    def close(self) -> None:
        """Stop all servers."""
        for servers in list(self._servers.values()):
            servers.cancel()
        with self._lock:
            self._loaded = None
            for key in list(self._servers):
                self._stop(key)
            for machines in self._machines.values():
                machines.close()
            self._machines.clear()

    def _started(self, engine: ServerEngine, weights: Weights) -> Servers:
        found = self._servers.get(weights.key)
        if found is not None and found.failure is None:
            return found
        if found is not None:
            self._stop(weights.key)
        servers = self._servers[weights.key] = Servers(engine, weights, self._taken(engine, weights))
        try:
            servers.start()
        except BaseException:
            self._stop(weights.key)
            raise
        return servers

    def _ready(self, engine: ServerEngine, weights: Weights, servers: Servers) -> OpenAIChatConfig:
        """The client, once the adapter is loaded and the student is compared."""
        client = engine.client(weights, servers.urls)
        if weights.adapter is not None:
            servers.add(weights.adapter)
        compared = (weights.key, client.model)
        if weights.is_compared and compared not in self._compared:
            self._check(weights, client)
            self._compared.add(compared)
        return client

    def _taken(self, engine: ServerEngine, weights: Weights) -> Taken:
        """A machine for each replica. Stops servers that nobody uses, the longest unused first.

        Raises ``EngineError`` if the servers in use leave too little.
        """
        machines = self._machines_of(engine.config)
        while True:
            unused = [key for key, servers in self._servers.items() if not servers.n_users]
            if taken := machines.take(engine.config, may_wait=not unused):
                return taken
            if not unused:
                running = list(self._servers.values())
                raise EngineError(_no_room(name_in_records(weights.model), engine.config, machines, running))
            self._stop(min(unused, key=lambda key: self._servers[key].last_used))

    def _machines_of(self, config: ServerConfig) -> Machines:
        key = config.ray.model_dump_json() if config.ray else ""
        if key not in self._machines:
            self._machines[key] = _machines(config)
        return self._machines[key]

    def _stop(self, key: str) -> None:
        servers = self._servers.pop(key)
        servers.close()
        servers.taken.give_back()


class ServedAt(Record):
    """A local model, and where another process can ask it."""

    model: ModelConfig
    client: OpenAIChatConfig


def opened_at(servers: Sequence[ServedAt], config: PartConfig) -> Model:
    """As ``open_model``, in a process that starts no server for a model of ``servers``."""
    found = next((one for one in servers if digest(one.model) == digest(config)), None)
    if found is None or not isinstance(config, LocalConfig):
        return open_model(config)
    return ServedModel(name_in_records(config), found.client)


def _in_process(config: LocalConfig, checkpoint: Checkpoint | None = None) -> Model:
    from understudy.models.local import LocalModel  # loads torch

    return LocalModel(config, checkpoint)


def _unnamed(config: LocalConfig) -> LocalConfig:
    return config.model_copy(update={"name": ""})


def open_local(config: LocalConfig) -> Model:
    """A local model by itself: in this process, or with a server of its own that is stopped when it is closed."""
    with ExitStack() as stack:
        client = stack.enter_context(stack.enter_context(ServerPool()).lease(config))
        if client is None:
            return _in_process(config)
        return ServedModel(name_in_records(config), client, stack.pop_all().close)


def require_room(name: str, config: ServerConfig) -> None:
    """Raises ``EngineError`` if this machine has no room for a model's servers, even with no others beside them.

    Nodes may join a Ray cluster later, so it is not asked.
    """
    machines = OnThisMachine()
    if config.ray is None and machines.take(config, may_wait=False) is None:
        raise EngineError(_no_room(name, config, machines, []))


def _machines(config: ServerConfig) -> Machines:
    if config.ray is None:
        return OnThisMachine()
    from understudy.models.engines.ray_nodes import OnRayNodes  # loads Ray

    return OnRayNodes(config.ray)


def _no_room(name: str, config: ServerConfig, machines: Machines, running: list[Servers]) -> str:
    n_servers, share = machines.wanted(config)
    used = "; ".join(f"{one.name}: {len(one.taken.machines)} of {one.taken.memory_share:g}" for one in running)
    return (
        f"{name}: there is no room for {n_servers} servers that take a share of {share:g} of the memory each "
        f"({machines.description()}; servers in use: {used or 'none'}). Set replicas, gpus_per_replica or memory_share "
        "of engine: models that are used at the same time have to fit"
    )
