"""The servers of one base: replicas on their ports, each restarted when it dies.

In: an engine, the weights, and a machine for each replica. Out: URLs that stay the same as long as the servers are
held. A server that dies is started again on its port with all adapters that were loaded; clients repeat what it did not
answer. Only processes that were started here are stopped. Not here: which servers run at the same time (``pool``).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from understudy.closing import Closing
from understudy.models.engines.engine import Adapter, Launch, ServerEngine, Weights, name_in_records
from understudy.models.engines.machines import Machine, Running, ServerCommand, Taken
from understudy.models.process import ServerStartError

POLL_S = 0.5
"""How often it is looked whether a server has ended."""
HEALTH_EVERY = 10
"""Polls between two health checks."""
SICK_AFTER = 3
"""Failed health checks in a row after which a server is started again. A slow answer is no failure."""
STARTS = 3
"""Attempts to bring a dead server back."""

_log = logging.getLogger(__name__)


class Servers(Closing):
    """All replicas of one base."""

    def __init__(self, engine: ServerEngine, weights: Weights, taken: Taken) -> None:
        """``taken``: where each replica runs. Nothing is started yet."""
        self.name = name_in_records(weights.model)
        self.taken = taken
        self.n_users = 0
        self.last_used = 0.0
        self._adapters = {} if weights.adapter is None else {weights.adapter.name: weights.adapter}
        self._replicas = [
            Replica(engine, weights, self._adapters, machine, taken.memory_share) for machine in taken.machines
        ]

    @property
    def urls(self) -> list[str]:
        """The base URL of each replica."""
        return [replica.url for replica in self._replicas]

    @property
    def failure(self) -> Exception | None:
        """Why a server could not be started again."""
        return next((replica.failure for replica in self._replicas if replica.failure), None)

    def start(self) -> None:
        """Start all replicas at the same time. Raises ``ServerStartError``, ``EngineError``; then none runs."""
        try:
            self._each(Replica.start)
        except BaseException:
            self.close()
            raise

    def add(self, adapter: Adapter) -> None:
        """Load an adapter into all replicas, which are started again if that is the only way.

        Raises ``EngineError`` for an adapter that the server refuses, ``ServerStartError``.
        """
        if adapter.name in self._adapters:
            return
        self._adapters[adapter.name] = adapter  # a replica that dies meanwhile comes back with it
        try:
            self._each(lambda replica: replica.add(adapter))
        except Exception:
            del self._adapters[adapter.name]
            self._each(Replica.ensure)
            raise

    def cancel(self) -> None:
        """End the wait for servers that are starting."""
        for replica in self._replicas:
            replica.stopping.set()

    def close(self) -> None:
        """Stop all replicas."""
        self.cancel()
        self._each(Replica.close)

    def _each(self, act: Callable[[Replica], None]) -> None:
        try:
            with ThreadPoolExecutor(len(self._replicas)) as threads:
                list(threads.map(act, self._replicas))
        except KeyboardInterrupt:
            self.cancel()
            raise


class Replica:
    """One server on a port of a machine, and the thread that watches it."""

    def __init__(
        self,
        engine: ServerEngine,
        weights: Weights,
        adapters: Mapping[str, Adapter],
        machine: Machine,
        memory_share: float,
    ) -> None:
        self.stopping = threading.Event()
        self.failure: Exception | None = None
        self._engine, self._weights, self._adapters = engine, weights, adapters
        self._machine, self._memory_share = machine, memory_share
        self._address = f"http://{machine.host}:{machine.port}"
        self._lock = threading.RLock()
        self._running: tuple[Running, Launch] | None = None
        self._watcher = threading.Thread(target=self._watch, name="understudy-server-watch", daemon=True)

    @property
    def url(self) -> str:
        """The URL that all paths begin with."""
        return f"{self._address}/v1"

    def start(self) -> None:
        """Raises ``ServerStartError``, ``EngineError``."""
        with self._lock:
            self._start()
        self._watcher.start()

    def add(self, adapter: Adapter) -> None:
        """Load an adapter that is among the shared ones already."""
        with self._lock:
            assert self._running is not None
            is_loaded = False
            with contextlib.suppress(httpx.TransportError):  # the server has died
                is_loaded = self._engine.load_adapter(self.url, adapter, self._running[1])
            if not is_loaded:
                self._start()

    def ensure(self) -> None:
        """Start the server if it does not run, such as after an adapter that it could not be started with."""
        with self._lock:
            if self._running is None:
                self._start()

    def close(self) -> None:
        """Stop the server and the watching."""
        self.stopping.set()
        with self._lock:
            self._stop()
        if self._watcher.is_alive():
            self._watcher.join()

    def _start(self) -> None:
        self._stop()
        machine = self._machine
        launch = Launch(
            self._weights.base,
            tuple(self._adapters.values()),
            machine.port,
            machine.gpus,
            self._memory_share,
            machine.host,
        )
        server = ServerCommand(
            tuple(self._engine.command(self._weights, launch)),
            self._address + self._engine.health_path,
            self._engine.config.deadline_s,
            self._engine.environment(launch),
        )
        self._running = machine.start(server, self.stopping), launch

    def _stop(self) -> None:
        if self._running is not None:
            self._running[0].stop()
            self._running = None

    def _watch(self) -> None:
        n_polls = n_sick = 0
        while not self.stopping.wait(POLL_S):
            n_polls += 1
            if n_polls % HEALTH_EVERY == 0:
                n_sick = n_sick + 1 if self._is_sick() else 0
            with self._lock:
                if self.stopping.is_set() or self._running is None:
                    continue
                running = self._running[0]
                if running.has_ended or n_sick >= SICK_AFTER:
                    n_sick = 0
                    _log.warning("%s", running.explained("the server died and is started again"))
                    self._bring_back()

    def _is_sick(self) -> bool:
        try:
            return httpx.get(self._address + self._engine.health_path, timeout=POLL_S * HEALTH_EVERY).status_code >= 500
        except httpx.TimeoutException:
            return False
        except httpx.HTTPError:
            return True

    def _bring_back(self) -> None:
        for _ in range(STARTS):
            try:
                self._start()
            except (OSError, ValueError) as error:
                failure = error
            else:
                return
            if self.stopping.is_set():
                return
        self.failure = ServerStartError(f"a server died and could not be started again: {failure}")
        _log.error("%s", self.failure)
