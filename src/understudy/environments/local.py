"""Runs an environment in this process.

In: a user's object. Out: a ``Backend`` whose failures are ``EnvironmentFailedError``. An exception of an action is
passed on, because the model reads it. Not here: other processes (``isolated.py``).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import JsonValue

from understudy.environments.config import ENVIRONMENTS
from understudy.environments.environment import Action, Environment, EnvironmentFailedError
from understudy.records import Task
from understudy.registry import PartConfig
from understudy.tools import ToolConfigError


def make_environment(config: PartConfig, task: Task) -> Environment:
    """The environment of one attempt. Raises ``EnvironmentFailedError``."""
    with failures(config.kind, f"making it for task {task.id}"):
        return ENVIRONMENTS.open(config, task)


class LocalBackend:
    """Calls the methods of an environment object."""

    def __init__(self, kind: str, environment: Environment) -> None:
        self._kind = kind
        self._environment = environment
        with failures(kind, "actions"):
            self.actions: tuple[Action, ...] = environment.actions()
        self._by_name = {one.name: one for one in self.actions}

    def call(self, name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        return self._by_name[name].tool.function(self._environment, *args, **kwargs)

    def begin_turn(self, turn: int) -> frozenset[str]:
        with failures(self._kind, "begin_turn"):
            self._environment.begin_turn(turn)
            return frozenset(self._environment.held_back())

    def user_says(self, turn: int, answer: str) -> str | None:
        with failures(self._kind, "user_says"):
            return self._environment.user_says(turn, answer)

    def state(self) -> Mapping[str, JsonValue]:
        with failures(self._kind, "state"):
            return self._environment.state()

    def fork(self) -> LocalBackend:
        with failures(self._kind, "copying it (write snapshot and restore, or set isolated: true)"):
            return LocalBackend(self._kind, self._environment.fork())

    def close(self) -> None:
        with failures(self._kind, "close"):
            self._environment.close()


@contextmanager
def failures(kind: str, doing: str) -> Iterator[None]:
    """Turn any exception outside of an action into a failure of the environment."""
    try:
        yield
    except (EnvironmentFailedError, ToolConfigError):
        raise
    except Exception as error:  # foreign code may raise anything; the error names it
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename}, line {frame.lineno}"
        raise EnvironmentFailedError(
            f"environment {kind}: {doing} raised {type(error).__name__}: {error} ({where})"
        ) from error
