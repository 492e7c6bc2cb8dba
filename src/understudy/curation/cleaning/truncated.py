"""Conversations that do not end: interrupted ones, and replies that were cut.

In: how a trajectory ended. Out: the faults ``interrupted`` and ``cut_reply``. Not here: attempts that reached a step
limit, which a curation's filter ``ended_by_itself`` drops.
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault
from understudy.records import ParseProblem, StopReason, Trajectory

_CUT = (StopReason.CUT_BY_LENGTH, StopReason.TOKEN_BUDGET, StopReason.CONTEXT_FULL)


class TruncatedConfig(CheckConfig):
    """Drops interrupted conversations, and those with a reply that was cut."""

    kind: str = "truncated"


class TruncatedCheck(Check):
    """Looks at how a trajectory and its replies end."""

    def __init__(self, config: TruncatedConfig) -> None:
        self._config = config

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        if trajectory.failure is not None or trajectory.stop_reason.is_infrastructure_error:
            detail = trajectory.failure.message if trajectory.failure else str(trajectory.stop_reason)
            yield Fault("interrupted", detail, self._config.action)
        elif where := _cut_at(trajectory):
            yield Fault("cut_reply", where, self._config.action)


def _cut_at(trajectory: Trajectory) -> str:
    """Where a reply was cut; empty if none was."""
    for step in trajectory.steps:
        if step.parse_problem is ParseProblem.CUT_BY_LENGTH:
            return f"message {step.message_index + 1}"
    if trajectory.stop_reason in _CUT:
        return trajectory.stop_reason.value.replace("_", " ")
    last = trajectory.messages[trajectory.steps[-1].message_index] if trajectory.steps else None
    if last is not None and last.content.count("```") % 2:
        return f"message {trajectory.steps[-1].message_index + 1} ends within a block of code"
    return ""
