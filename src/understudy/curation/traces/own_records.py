"""Trajectories of this package: the log of a served agent, the attempts of a run. They are taken as they are.

In: rows of a ``trajectories.jsonl``. Out: conversations that hold the record itself. Lines of the other file of a
served agent's log, ``conversations.jsonl``, are no conversations of their own. Not here: which of them are of use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from understudy.curation.traces.conversation import Conversation, Found, OtherRow
from understudy.curation.traces.refusals import RefusalReason, RefusedRow
from understudy.datafiles import Row
from understudy.records import Trajectory
from understudy.registry import PartConfig
from understudy.runs import explain

_KEYS = frozenset({"task", "agent", "model", "seed", "messages", "steps", "stop_reason"})
_OF_THE_LOG = frozenset({"version", "id", "agent", "started", "end"})


class OwnRecordsReader:
    """Trajectories of this package."""

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def fits(self, value: object) -> bool:
        return isinstance(value, dict) and (value.keys() >= _KEYS or value.keys() >= _OF_THE_LOG)

    def read(self, rows: Iterable[Row]) -> Iterator[Found]:
        for row in rows:
            if not isinstance(row.value, dict) or not row.value.keys() >= _KEYS:
                yield OtherRow("facts about a served conversation")
                continue
            try:
                found = Trajectory.model_validate(row.value)
            except ValidationError as error:
                detail = explain(error, "trajectory")
                yield RefusedRow(place=row.place, reason=RefusalReason.UNKNOWN_SHAPE, detail=detail)
                continue
            yield Conversation(row.place, found.messages, name=found.task.id, model=found.model, trajectory=found)
