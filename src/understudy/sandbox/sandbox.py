"""The sandbox: model-written Python runs as ordinary CPython, isolated from the machine.

In: a ``SandboxConfig``. Out: episodes. One sandbox serves many threads at once, one episode a thread.
"""

from __future__ import annotations

import builtins
import keyword
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from understudy.closing import Closing
from understudy.sandbox.action import ActionSettings
from understudy.sandbox.broker import ImportBroker
from understudy.sandbox.calls import Calls
from understudy.sandbox.config import Level, Rollback, SandboxConfig
from understudy.sandbox.episode import Episode
from understudy.sandbox.execution import HostFunction, HostState, IsolationError, Limits, SandboxError
from understudy.sandbox.launcher import EpisodeRequest, Zygote
from understudy.sandbox.report import IsolationReport, probe

_MAX_CALL_THREADS = 64
_CHEAP_FORK_S = 0.002
"""Below this cost, a fork for every action is cheaper than a replay after a crash."""
_RESERVED = frozenset((*dir(builtins), *keyword.kwlist, "final_answer")) - {"copyright", "credits", "help", "license"}


class Sandbox(Closing):
    """A context manager. Opening starts the zygote and tries the isolation; closing kills every process of every
    episode.

    Raises ``IsolationError`` when this machine cannot give ``level``, ``SandboxError`` when the zygote cannot start.
    """

    def __init__(
        self,
        *,
        preload: tuple[str, ...] = ("numpy", "sympy"),
        imports: tuple[str, ...] = ("standard",),
        limits: Limits | None = None,
        level: Level = Level.KERNEL,
        rollback: Rollback = Rollback.AUTO,
        docker_image: str = "",
    ) -> None:
        self.config = SandboxConfig(
            level=level,
            preload=preload,
            imports=imports,
            limits=limits or Limits(),
            rollback=rollback,
            docker_image=docker_image,
        )
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(_MAX_CALL_THREADS, thread_name_prefix="sandbox-call")
        self._is_closed = False
        self._zygote_process: Zygote | None = Zygote(self.config)
        try:
            self._settings = ActionSettings(
                Limits(), ImportBroker(self._packages()), self._executor, is_guarded=level is not Level.RLIMITS
            )
            self._forks = False
            self._report = self._check()
            self._forks = self._decide(rollback)
            self._settings = replace(self._settings, limits=self.config.limits)  # probes are not held to them
        except BaseException:
            self.close()
            raise

    def episode(
        self,
        functions: Mapping[str, HostFunction] | None = None,
        seed: int = 0,
        host_state: HostState | None = None,
    ) -> Episode:
        """A new state. ``functions`` are callable by name; ``final_answer`` is there without being asked for.

        ``host_state``: what further functions act on. The caller closes it after the episode.
        """
        functions = functions or {}
        names = [*functions, *(host_state.functions if host_state else ())]
        for name in names:
            if why := why_no_function_name(name):
                raise ValueError(f"a function for sandboxed code cannot be named {name!r}: {why}")
        request = EpisodeRequest(tuple(dict.fromkeys(names)), seed, self.config.limits.memory_bytes)
        return Episode(self._zygote, request, self._settings, Calls(functions, host_state), forks=self._forks)

    def report(self) -> IsolationReport:
        """Which protections are active, found by trying when the sandbox was opened."""
        return self._report

    def _zygote(self) -> Zygote:
        """The running zygote; a new one if the old one has died."""
        with self._lock:
            if self._is_closed or self._zygote_process is None:
                raise SandboxError("the sandbox is closed")
            if not self._zygote_process.is_alive:
                self._zygote_process.close()
                self._zygote_process = Zygote(self.config)
            return self._zygote_process

    def _packages(self) -> frozenset[str]:
        """Top-level names whose source may be served: what is allowed, and what preloading brought along."""
        return frozenset(_strings(self._zygote().ready.get("modules"))) | {
            name.partition(".")[0] for name in self.config.imports
        }

    def _check(self) -> IsolationReport:
        if unknown := _strings(self._zygote().ready.get("not_loaded")):
            raise SandboxError(
                f"sandbox.imports: {unknown[0]!r} is neither of the standard library nor loaded by sandbox.preload "
                f"({', '.join(self.config.preload) or 'empty'}); name it there too"
            )
        with self.episode() as episode:
            report = probe(self.config.level, self._zygote().ready, episode)
        if self.config.level is not Level.RLIMITS and report.missing:
            raise IsolationError(
                f"isolation level {self.config.level.value!r} was demanded, but this machine does not give: "
                + "; ".join(f"{p.name} ({p.tried})" for p in report.missing)
            )
        return report

    def _decide(self, rollback: Rollback) -> bool:
        """Whether every action is to run in a fork."""
        if rollback is not Rollback.AUTO:
            return rollback is Rollback.FORK
        with self.episode() as episode:
            return min(_branch_s(episode) for _ in range(3)) < _CHEAP_FORK_S

    def close(self) -> None:
        """End the zygote and with it every episode. Closing twice is fine."""
        with self._lock:
            self._is_closed = True
            zygote, self._zygote_process = self._zygote_process, None
        if zygote is not None:
            zygote.close()
        self._executor.shutdown(wait=False, cancel_futures=True)


def why_no_function_name(name: str) -> str:
    """Why no function for sandboxed code can have this name; empty if one can."""
    if not name.isidentifier() or name.startswith("__"):
        return "it is not a name that Python code can call"
    if name in _RESERVED:
        return "Python or the sandbox has a meaning for it, which code could no longer use"
    return ""


def _branch_s(episode: Episode) -> float:
    start = time.monotonic()
    episode.branch(["0"])
    return time.monotonic() - start


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def open_sandbox(config: SandboxConfig) -> Sandbox:
    """The sandbox that ``config`` describes."""
    return Sandbox(
        preload=config.preload,
        imports=config.imports,
        limits=config.limits,
        level=config.level,
        rollback=config.rollback,
        docker_image=config.docker_image,
    )


def sandbox_report(level: Level = Level.KERNEL) -> IsolationReport:
    """The tested protections of level ``level`` on this machine. Never raises: a refusal is part of the report."""
    try:
        with Sandbox(preload=(), level=level, rollback=Rollback.REPLAY) as sandbox:
            return sandbox.report()
    except SandboxError as error:
        return IsolationReport(level=level, available=False, refusal=str(error))
