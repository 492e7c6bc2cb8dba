"""The protocol of all checks. In: trajectories. Out: their faults. Not here: any particular check.

A check is a class with ``examine``, or a plain function of a trajectory. Both may return None, a text, a bool, a
``Fault`` or several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from understudy.curation.cleaning.faults import Fault, FaultAction
from understudy.records import Trajectory
from understudy.registry import PartConfig


class CheckConfig(PartConfig):
    """The options that most checks have."""

    action: Literal[FaultAction.DROP, FaultAction.COUNT] = FaultAction.DROP
    """``count`` keeps trajectories with the fault."""


class Check:
    """Looks for one sort of fault. A check of your own may be any class with ``examine``."""

    def prepare(self, trajectories: Sequence[Trajectory]) -> None:
        """Look at all trajectories that come to this check, before the first is examined."""

    def examine(self, trajectory: Trajectory) -> Iterable[Fault]:
        """The faults of one trajectory."""
        raise NotImplementedError


class FunctionCheck(Check):
    """A plain function as a check."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def examine(self, trajectory: Trajectory) -> object:  # type: ignore[override]  # made faults by ``cleaning``
        """Call the function."""
        return self._function(trajectory)
