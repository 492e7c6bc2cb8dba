"""The world of one attempt, as agents and sandboxes use it.

In: an environment, in this process or in another. Out: a ``World``: tools bound to it, copies for the candidates of a
vote, and its state. A fork is copied only when its candidate first calls an action that may change the world. Not here:
the environment itself.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from pydantic import JsonValue

from understudy.closing import Closing
from understudy.environments.environment import Action, EnvironmentFailedError
from understudy.records import EnvironmentRecord
from understudy.runs import digest
from understudy.sandbox import HostFunction
from understudy.tools import JsonTool, Tool, json_tool

_ARGUMENT_CHARS = 100_000
_PATIENCE_S = 1.0


class Backend(Protocol):
    """Access to an environment in some process. Used by one thread at a time; raises ``EnvironmentFailedError``."""

    actions: tuple[Action, ...]

    def call(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Do an action. Raises what it raises."""
        ...

    def begin_turn(self, turn: int) -> frozenset[str]:
        """Begin a turn. Returns the names of the actions that the agent is not told about in this turn."""
        ...

    def user_says(self, turn: int, answer: str) -> str | None: ...
    def state(self) -> Mapping[str, JsonValue]: ...
    def fork(self) -> Backend: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WorldFunction:
    """One action of one world, as a function."""

    world: World
    action: Action

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.action.tool.function)

    def __call__(self, /, *args: object, **kwargs: object) -> object:
        return self.world.call(self.action.name, args, kwargs)


class World(Closing):
    """A context manager that closes the environment. Safe to call from many threads; calls run one at a time.

    It is also the state that a sandbox's branches fork (``understudy.sandbox.HostState``).
    """

    def __init__(self, kind: str, actions: tuple[Action, ...], backend: Backend | None) -> None:
        """``backend``: None for a fork, which shares the backend of its parent."""
        self.kind = kind
        self.actions: Mapping[str, Action] = MappingProxyType({one.name: one for one in actions})
        self.held_back: frozenset[str] = frozenset()
        """Names of actions that the agent is not yet told about."""
        self._backend = backend
        self._parent: World | None = None
        """The world whose environment it shares until it changes something."""
        self._lock = threading.RLock()
        self._forks: list[World] = []
        self._functions: dict[str, HostFunction] = {}
        self._digest: str | None = None

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All actions as tools of this world, including those that are held back."""
        return tuple(self._tool(one) for one in self.actions.values())

    @property
    def offered(self) -> tuple[Tool, ...]:
        """The tools that the agent is told about in the current turn."""
        return tuple(tool for tool in self.tools if tool.name not in self.held_back)

    @property
    def json_tools(self) -> tuple[JsonTool, ...]:
        """All actions as tools for JSON calls. Raises ``ToolConfigError``."""
        return tuple(json_tool(self._tool(one), like=one.tool) for one in self.actions.values())

    @property
    def functions(self) -> Mapping[str, HostFunction]:
        """The actions as sandboxed code calls them."""
        if not self._functions:
            self._functions = {name: self._host_function(one) for name, one in self.actions.items()}
        return self._functions

    def call(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        """Do an action. Raises what it raises."""
        with self._lock:
            if not self.actions[name].read_only:
                self._digest = None
                return self._own().call(name, args, kwargs)
            return self._reading(name, args, kwargs)

    def _reading(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        with self._lock:
            if self._backend is None and self._parent is not None:
                return self._parent._reading(name, args, kwargs)
            return self._own().call(name, args, kwargs)

    def begin_turn(self, turn: int) -> None:
        """A user turn begins. ``turn`` counts from 0."""
        with self._lock:
            self._digest = None
            self.held_back = self._own().begin_turn(turn)

    def user_says(self, turn: int, answer: str) -> str | None:
        """The text of this turn from the environment's user; None if the dialogue is over."""
        with self._lock:
            return self._own().user_says(turn, answer)

    def state(self) -> Mapping[str, JsonValue]:
        """The state that graders and reports read."""
        with self._lock:
            if self._backend is None and self._parent is not None:
                return self._parent.state()
            return self._own().state()

    def record(self, before: Mapping[str, JsonValue]) -> EnvironmentRecord:
        """The record of the world in a trajectory."""
        return EnvironmentRecord(kind=self.kind, before=dict(before), after=dict(self.state()))

    def fork(self) -> World:
        """An independent copy of the world. This world must not change before the copy is closed."""
        made = World(self.kind, tuple(self.actions.values()), None)
        made._parent = self
        self._forks.append(made)
        made.held_back = self.held_back
        return made

    def adopt(self, fork: World) -> None:
        """Continue with the environment of a fork, which may not be used afterwards. If the fork shares this
        environment, nothing has changed. All other forks are closed.
        """
        with fork._lock, self._lock:
            backend, fork._backend, fork._parent = fork._backend, None, None
            if backend is not None:
                self.close()
                self._backend, self._digest = backend, None
        self._close_forks()

    def digest(self) -> str:
        """Identifies the state to which a fork has changed its world; empty if nothing changed."""
        with self._lock:
            if self._backend is None or self._parent is None:
                return ""
            now = self._state_digest()
            return "" if now == self._parent._state_digest() else now

    def _state_digest(self) -> str:
        with self._lock:
            if self._digest is None:
                self._digest = digest(dict(self.state()))
            return self._digest

    def _own(self) -> Backend:
        """The environment of this world, no longer shared."""
        if self._backend is None and self._parent is not None:
            with self._parent._lock:
                self._backend = self._parent._own().fork()
        if self._backend is None:
            raise EnvironmentFailedError(f"{self.kind}: the environment is closed")
        return self._backend

    def _tool(self, one: Action) -> Tool:
        # A time-out is a failure of the environment, because its state is then unknown.
        return replace(
            one.tool,
            function=WorldFunction(self, one),
            pure=False,
            is_service=True,
            argument_chars=_ARGUMENT_CHARS,
        )

    def _host_function(self, one: Action) -> HostFunction:
        return self._tool(one).host_function()

    def close(self) -> None:
        """Close the environment. Closing twice is allowed."""
        self._close_forks()
        is_free = self._lock.acquire(timeout=_PATIENCE_S)  # an action that never returns keeps the lock
        try:
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.close()
        finally:
            if is_free:
                self._lock.release()

    def _close_forks(self) -> None:
        forks, self._forks = self._forks, []
        for fork in forks:
            fork.close()
