"""What an environment is: a world with state, made for one attempt, whose methods are the agent's tools.

In: a task, whose metadata say how the world begins. Out: a subclass of ``Environment``: methods that are marked with
``action`` are tools, ``state`` is what graders and reports read. Not here: how an attempt uses one (``world.py``).

    class Shop(Environment):
        def __init__(self, task: Task) -> None:
            self.refunds: list[int] = []

        @action
        def refund(self, number: int) -> str:
            "Pay an order back."
            self.refunds.append(number)
            return "paid"
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeVar, overload

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from understudy.tools import Tool, ToolUnavailableError, method_tool
from understudy.tools.types import plain

MethodT = TypeVar("MethodT", bound=Callable[..., object])
_MARK = "__understudy_action__"


class EnvironmentFailedError(ToolUnavailableError):
    """An environment crashed, could not be made or could not be copied: the attempt ends as an infrastructure error and
    is tried again on resume. The model did nothing wrong. What a model does wrong is a ``ToolError``.
    """


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done in an environment."""

    tool: Tool
    """Its function wants the environment first."""
    read_only: bool = False
    """It changes nothing, so several candidates may do it without a copy of the world each."""

    @property
    def name(self) -> str:
        """What the agent calls it."""
        return self.tool.name


@overload
def action(method: MethodT, /) -> MethodT: ...


@overload
def action(*, read_only: bool = ..., timeout_s: float = ...) -> Callable[[MethodT], MethodT]: ...


def action(
    method: MethodT | None = None, /, *, read_only: bool = False, timeout_s: float = 60.0
) -> MethodT | Callable[[MethodT], MethodT]:
    """Make a typed, documented method a tool: ``@action``, or ``@action(read_only=True)`` where it changes nothing.

    ``timeout_s``: an environment that takes longer has failed, which is no fault of the model.
    """

    def mark(method: MethodT) -> MethodT:
        setattr(method, _MARK, {"read_only": read_only, "timeout_s": timeout_s})
        return method

    return mark if method is None else mark(method)


class Environment:
    """A world of one attempt. A subclass is called with the task, after its config where it has a nested ``Config``.

    Its methods are called one at a time, from any thread. An action that raises ``ToolError``, or any other exception,
    tells the model what went wrong; ``EnvironmentFailedError`` says that the environment itself is broken.
    """

    def actions(self) -> tuple[Action, ...]:
        """All that can ever be done here: the methods that are marked. Raises ``ToolConfigError``."""
        kind: Any = type(self)
        return actions_of(kind)

    def held_back(self) -> frozenset[str]:
        """Names of actions that the agent is not told of yet. Where it calls one all the same, that is done: raise
        ``ToolError`` to refuse it.
        """
        return frozenset()

    def begin_turn(self, turn: int) -> None:
        """The user speaks for the ``turn``-th time, counted from 0."""

    def user_says(self, turn: int, answer: str) -> str | None:  # noqa: ARG002
        """What the user says in this turn, after the agent's answer to the turn before; None if that was the last one.

        Called only where the task scripts no turns of its own.
        """
        return None

    def state(self) -> Mapping[str, JsonValue]:
        """What graders, reports and the vote read: all attributes without an underscore, as JSON."""
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return as_json(public)

    def snapshot(self) -> Any:
        """All of the present state, so that ``restore`` can bring it back more than once."""
        return copy.deepcopy(vars(self))

    def restore(self, snapshot: Any) -> None:
        """Take the state of a snapshot. As with ``__setstate__``, ``__init__`` may not have run before."""
        vars(self).clear()
        vars(self).update(copy.deepcopy(snapshot))

    def fork(self) -> Self:
        """The same world again, which changes by itself from now on."""
        made = type(self).__new__(type(self))
        kind = type(self)
        if kind.snapshot is Environment.snapshot and kind.restore is Environment.restore:
            vars(made).update(copy.deepcopy(vars(self)))  # one copy instead of two
        else:
            made.restore(self.snapshot())
        return made

    def close(self) -> None:
        """Give back what it holds. Closing twice is fine."""


@lru_cache(maxsize=256)
def actions_of(kind: Any) -> tuple[Action, ...]:
    """The marked methods of a class, those of its bases first. Raises ``ToolConfigError``."""
    names = dict.fromkeys(name for one in reversed(kind.__mro__) for name in vars(one))
    found = [(getattr(kind, name), getattr(getattr(kind, name), _MARK, None)) for name in names]
    return tuple(
        Action(method_tool(method, timeout_s=facts["timeout_s"]), facts["read_only"])
        for method, facts in found
        if facts is not None
    )


def as_json(value: Mapping[str, object]) -> dict[str, JsonValue]:
    """Any values as JSON; what is neither data nor a record becomes its text."""
    made: dict[str, JsonValue] = to_jsonable_python(plain(value), fallback=str, inf_nan_mode="strings")
    return made
