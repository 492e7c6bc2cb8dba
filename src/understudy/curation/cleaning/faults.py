"""What a check finds in a trajectory, and how it is written down.

In: nothing. Out: ``Fault``, which a check returns, and ``Finding``, a line of ``findings.jsonl``. Not here: the checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from understudy.records import Record, Trajectory


class FaultAction(StrEnum):
    """What becomes of a trajectory with a fault."""

    DROP = "drop"
    COUNT = "count"
    """It is kept as it is; the fault is counted and listed."""
    CHANGE = "change"
    """It is kept with the fault mended."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one trajectory, as a check returns it."""

    reason: str
    """The name under which it is counted, such as ``unknown_tool``."""
    detail: str = ""
    """Where and what; it is shown in the report, so it quotes nothing that is to be masked."""
    action: FaultAction = FaultAction.DROP
    n: int = 1
    """Places in the trajectory."""
    changed: Trajectory | None = None
    """The mended trajectory, if the action is ``CHANGE``."""
    rewrite: Callable[[str], str] | None = None
    """How other texts about this trajectory change with it, such as the explanation of its score."""


class Finding(Record):
    """A line of ``findings.jsonl``: one reason at one trajectory."""

    trajectory_id: str
    check: str
    """Kind of the check, or ``relabel``."""
    reason: str
    action: FaultAction
    n: Annotated[int, Field(ge=1)] = 1
    """Places in the trajectory."""
    detail: str = ""


class CheckError(ValueError):
    """A check of a user raised an exception, or returned something that is not a fault."""


def faults_of(result: object, reason: str, place: str) -> list[Fault]:
    """What the code of a check returned, as faults. ``reason``: of a plain text or ``True``.

    Raises ``CheckError``, which names ``place``.
    """
    match result:
        case None | False:
            return []
        case True:
            return [Fault(reason)]
        case str():
            return [Fault(reason, result)] if result else []
        case Fault():
            return [result]
        case Iterable():
            return [fault for one in result for fault in faults_of(one, reason, place)]
    got = f"{type(result).__name__}: {result!r:.100}"
    raise CheckError(f"{place}: expected None, a bool, a text, a Fault or several Faults; got {got}")
