"""Loops: the same call with the same arguments, or the same reply, again and again.

In: calls and replies of a trajectory. Out: the fault ``loop``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from understudy.curation.cleaning.calls import calls_by_code, calls_of
from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault
from understudy.records import Trajectory


class LoopsConfig(CheckConfig):
    """Drops trajectories that make the same call with the same arguments several times."""

    kind: str = "loops"
    times: Annotated[int, Field(ge=2)] = 3
    """Number of equal calls, or of equal replies, that make a loop."""
    allowed: tuple[str, ...] = ()
    """Tools that may be called again and again, such as one that waits."""


class LoopsCheck(Check):
    """Counts equal calls and equal replies."""

    def __init__(self, config: LoopsConfig) -> None:
        self._config = config

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        calls = Counter((name, arguments) for name, arguments in _calls(trajectory) if name not in self._config.allowed)
        replies = Counter(
            message.content.strip()
            for message in (trajectory.messages[step.message_index] for step in trajectory.steps)
            if not message.tool_calls and message.content.strip()
        )
        for (name, _), n in calls.most_common(1):
            if n >= self._config.times:
                yield Fault("loop", f"{name} is called {n} times with the same arguments", self._config.action, n)
                return
        for _, n in replies.most_common(1):
            if n >= self._config.times:
                yield Fault("loop", f"the same reply {n} times", self._config.action, n)


def _calls(trajectory: Trajectory) -> Iterator[tuple[str, str]]:
    for _, call in calls_of(trajectory):
        yield call.name, call.broken_arguments or json.dumps(call.arguments, sort_keys=True)
    for _, name, arguments in calls_by_code(trajectory):
        yield name, arguments
