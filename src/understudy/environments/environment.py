"""Defines an environment: a world with state, made for one attempt, whose methods are the agent's tools.

In: a task, whose metadata describe the initial state. Out: a subclass of ``Environment``: methods marked with
``action`` are tools; graders and reports read ``state``. Not here: how an attempt uses an environment (``world.py``).

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
    """An environment crashed, or could not be made or copied. The attempt ends as an infrastructure error and is
    repeated on resume. It is not the model's fault: mistakes of the model are ``ToolError``.
    """


@dataclass(frozen=True, slots=True)
class Action:
    """An action that an agent can take in an environment."""

    tool: Tool
    """The first argument of its function is the environment."""
    read_only: bool = False
    """It changes nothing, so several candidates may do it in the same world."""

    @property
    def name(self) -> str:
        """The name that the agent uses."""
        return self.tool.name


@overload
def action(method: MethodT, /) -> MethodT: ...


@overload
def action(*, read_only: bool = ..., timeout_s: float = ...) -> Callable[[MethodT], MethodT]: ...


def action(
    method: MethodT | None = None, /, *, read_only: bool = False, timeout_s: float = 60.0
) -> MethodT | Callable[[MethodT], MethodT]:
    """Make a typed, documented method a tool: ``@action``, or ``@action(read_only=True)`` if it changes nothing.

    ``timeout_s``: a call that takes longer is a failure of the environment, not of the model.
    """

    def mark(method: MethodT) -> MethodT:
        setattr(method, _MARK, {"read_only": read_only, "timeout_s": timeout_s})
        return method

    return mark if method is None else mark(method)


class Environment:
    """A world of one attempt. A subclass is called with the task or, if it has a nested ``Config``, with config and
    task.

    Its methods are called one at a time, from any thread. If an action raises ``ToolError`` or any other exception, the
    model reads the error. ``EnvironmentFailedError`` means that the environment itself is broken.
    """

    def actions(self) -> tuple[Action, ...]:
        """All actions of any turn: the marked methods. Raises ``ToolConfigError``."""
        kind: Any = type(self)
        return actions_of(kind)

    def held_back(self) -> frozenset[str]:
        """Names of actions that the agent is not yet told about. If it calls one anyway, the action is done; raise
        ``ToolError`` to refuse it.
        """
        return frozenset()

    def begin_turn(self, turn: int) -> None:
        """A user turn begins. ``turn`` counts from 0."""

    def user_says(self, turn: int, answer: str) -> str | None:  # noqa: ARG002
        """The text of this user turn, given the agent's answer to the previous turn; None if the dialogue is over.

        Called only if the task scripts no turns.
        """
        return None

    def state(self) -> Mapping[str, JsonValue]:
        """The state that graders, reports and the vote read: all public attributes, as JSON."""
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return as_json(public)

    def snapshot(self) -> Any:
        """The whole current state, so that ``restore`` can restore it more than once."""
        return copy.deepcopy(vars(self))

    def restore(self, snapshot: Any) -> None:
        """Set the state to that of a snapshot. As with ``__setstate__``, ``__init__`` may not have run."""
        vars(self).clear()
        vars(self).update(copy.deepcopy(snapshot))

    def fork(self) -> Self:
        """An independent copy of the world."""
        made = type(self).__new__(type(self))
        kind = type(self)
        if kind.snapshot is Environment.snapshot and kind.restore is Environment.restore:
            vars(made).update(copy.deepcopy(vars(self)))  # one copy instead of two
        else:
            made.restore(self.snapshot())
        return made

    def close(self) -> None:
        """Release all resources. Closing twice is allowed."""


@lru_cache(maxsize=256)
def actions_of(kind: Any) -> tuple[Action, ...]:
    """The marked methods of a class; those of its base classes come first. Raises ``ToolConfigError``."""
    names = dict.fromkeys(name for one in reversed(kind.__mro__) for name in vars(one))
    found = [(getattr(kind, name), getattr(getattr(kind, name), _MARK, None)) for name in names]
    return tuple(
        Action(method_tool(method, timeout_s=facts["timeout_s"]), facts["read_only"])
        for method, facts in found
        if facts is not None
    )


def as_json(value: Mapping[str, object]) -> dict[str, JsonValue]:
    """Any values as JSON. A value that is neither data nor a record becomes its text."""
    made: dict[str, JsonValue] = to_jsonable_python(plain(value), fallback=str, inf_nan_mode="strings")
    return made
