"""The outcome of one run of code, and the limits of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol, Self

from pydantic import Field

from understudy.records import ExecutionStatus, Record, ToolCall


class Limits(Record):
    """What one action may use. An action that exceeds a limit ends with a status that says which."""

    cpu_s: Annotated[float, Field(gt=0)] = 10.0
    wall_s: Annotated[float, Field(gt=0)] = 30.0
    """Wall seconds of the code itself: the clock pauses during tool calls."""
    memory_bytes: Annotated[int, Field(ge=1 << 24)] = 1 << 30
    """Address space that an episode may add to what the preloaded libraries take."""
    output_chars: Annotated[int, Field(ge=0)] = 20_000
    """Printed text that is kept; what comes after is counted and dropped. Value and answer are cut at the same
    length.
    """
    tool_calls: Annotated[int, Field(ge=0)] = 32
    """Calls into the host that one action may make."""
    grace_s: Annotated[float, Field(ge=0)] = 0.5
    """Seconds that an action has to stop by itself once its time is up; if it does, its state is kept."""


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function of the host that sandboxed code may call by name.

    Arguments arrive as plain data: None, bool, int, float, str, bytes, list, tuple, set, dict. An exception that it
    raises reaches the code as a ``ToolError``, except a ``SandboxError``, which ends the run in the host.
    """

    call: Callable[..., object]
    pure: bool = True
    """Equal arguments give equal answers, without effects: called once for all branches of a state. Must be safe to
    call from several threads. One that is not pure makes a branch wait until it is committed.
    """
    signature: inspect.Signature | None = None
    """Names of the parameters, by which calls are recorded; None: those of ``call``."""
    is_search: bool = False
    """It looks something up; recorded with each call."""
    argument_chars: int = 2_000
    """Arguments are recorded up to this length."""


class HostState(Protocol):
    """State of the host that functions act on, such as a world. Each branch acts on a copy of its own, so that calls
    with effects need not wait for the commit.
    """

    @property
    def functions(self) -> Mapping[str, HostFunction]:
        """What code may call; none of them is pure."""
        ...

    def fork(self) -> Self:
        """The same state again, which changes by itself from now on. Raises ``SandboxError``."""
        ...

    def adopt(self, fork: Self) -> None:
        """Continue with the state of a fork, which is used up."""
        ...

    def digest(self) -> str:
        """Equal for forks of one state that have changed to the same; empty for one that has not changed."""
        ...

    def close(self) -> None:
        """Give back what it holds. Closing twice is fine."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run of code used, measured by the host."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    """Without the time spent in tool calls."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The outcome of one run of code."""

    status: ExecutionStatus
    printed: str = ""
    """Standard output and standard error in order, cut at ``Limits.output_chars``."""
    value: str | None = None
    """Text of the last expression's value; None if the code ends in no expression or its value is None."""
    is_final: bool = False
    """``final_answer`` was called."""
    final_answer: str | None = None
    """Text of the value given to ``final_answer``, in plain form: an array is ``[1, 2, 3]``."""
    error_name: str = ""
    """Class of the exception that ended the code."""
    error: str = ""
    """Its message, with the line of the code, for the model to read."""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    branch: int | None = None
    """Which branch of ``Episode.branch`` this is; None for ``Episode.run``."""
    dropped_chars: int = 0
    """Printed characters beyond the limit. Value and answer end with a note if they were cut."""
    restored: tuple[str, ...] = ()
    """Functions whose names the code had bound to something else or deleted: the names are restored, and the code's
    values are lost.
    """
    waits_for: str | None = None
    """The branch waits before a call of this function, which has effects: ``Episode.commit`` makes the call and
    continues.
    """
    effects: str = ""
    """Digest of what a branch has made of the host's state; empty where it changed nothing, or there is no such state.
    """
    state_kept: bool = True
    """The variables are as the code left them; if False, as they were before it."""


class SandboxError(Exception):
    """The sandbox itself failed: an infrastructure error, never an error of the code in it."""


class IsolationError(SandboxError):
    """This machine cannot provide the required isolation. The message says what is missing."""
