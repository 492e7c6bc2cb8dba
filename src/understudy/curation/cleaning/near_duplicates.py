"""Conversations that nearly repeat an earlier one.

In: all texts of a conversation but the system's. Out: the fault ``near_duplicate``. Not here: questions that repeat one
another (``near_duplicates`` of a curation), overlap with test sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault
from understudy.curation.cleaning.minhash import Repeats
from understudy.records import Message, Role, Trajectory


class NearDuplicatesConfig(CheckConfig):
    """Drops conversations that nearly repeat an earlier one."""

    kind: str = "near_duplicates"
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of five-word sequences that two conversations have in common (Jaccard)."""


class NearDuplicatesCheck(Check):
    """Compares each conversation with the earlier ones."""

    def __init__(self, config: NearDuplicatesConfig) -> None:
        self._config = config
        self._repeats: dict[str, tuple[str, float]] = {}

    def prepare(self, trajectories: Sequence[Trajectory]) -> None:
        """Find the repeats among all."""
        known = Repeats(self._config.similarity)
        for one in trajectories:
            if (earlier := known.earlier(one.id, conversation_text(one))) is not None:
                self._repeats[one.id] = earlier

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        if found := self._repeats.get(trajectory.id):
            yield Fault("near_duplicate", f"of {found[0]}, similarity {found[1]:.2f}", self._config.action)


def conversation_text(trajectory: Trajectory) -> str:
    """All that was said and called after the system's messages."""
    return "\n".join(_text(one) for one in trajectory.messages if one.role is not Role.SYSTEM)


def _text(message: Message) -> str:
    calls = (
        f"{call.name} {call.broken_arguments or json.dumps(call.arguments, sort_keys=True, ensure_ascii=False)}"
        for call in message.tool_calls
    )
    return "\n".join((message.content, *calls))
