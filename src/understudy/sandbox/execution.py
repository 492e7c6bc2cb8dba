"""What one run of code gave, and what a run may use up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from understudy.records import ExecutionStatus, ToolCall


@dataclass(frozen=True, slots=True)
class Limits:
    """What one action may use. An action that exceeds a limit ends with a status that says which."""

    cpu_s: float = 10.0
    wall_s: float = 30.0
    """Wall seconds of the code itself: the clock pauses during tool calls."""
    memory_bytes: int = 1 << 30
    """Address space that an episode may add to what the preloaded libraries take."""
    output_chars: int = 20_000
    """Printed text that is kept; what comes after is counted and dropped."""
    tool_calls: int = 32
    """Calls into the host that one action may make."""


@dataclass(frozen=True, slots=True)
class HostFunction:
    """A function of the host that sandboxed code may call by name."""

    call: Callable[..., object]
    pure: bool = True
    """Same arguments, same answer, no effect: asked once for all branches of a state."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run of code used."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    """Without the time spent in tool calls."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What one run of code gave."""

    status: ExecutionStatus
    printed: str = ""
    """Standard output and standard error in order, cut at ``Limits.output_chars``."""
    value: str | None = None
    """Text of the last expression's value; None where the code ends in no expression or its value is None."""
    is_final: bool = False
    """``final_answer`` was called."""
    final_answer: str | None = None
    """Text of the value given to ``final_answer``."""
    error_name: str = ""
    """Class of the exception that ended the code."""
    error: str = ""
    """Its message, with the line of the code, for the model to read."""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    branch: int | None = None
    """Which branch of ``Episode.branch`` this is; None for ``Episode.run``."""


class SandboxError(Exception):
    """The sandbox itself failed. A failure of the program, never of the code in it."""
