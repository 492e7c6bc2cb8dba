"""The state of an earlier run: which attempts are done, and whether they were made with the same settings.

In: a trajectories file, perhaps half written, and its settings file beside it. Out: the attempts that need not be run
again. Keys are (task id, attempt). An infrastructure error is not done: it is tried again, its new record is
appended, and readers take the last record of a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from understudy.agents import AgentFacts
from understudy.records import Record, StopReason, Task, Trajectory, trajectory_id
from understudy.runs import read_jsonl, write_atomic


class ResumeError(Exception):
    """A rollout must not append to this file; the message says which settings or tasks differ."""


class RolloutSettings(Record):
    """What must be the same in all runs that write to one file. Numbers of workers are free."""

    seed: int
    facts: AgentFacts
    first_thoughts: str
    """Digest of the first thoughts that attempts begin with."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The contents of the existing file."""

    done: frozenset[str]
    """Ids of trajectories that stay."""
    failed: frozenset[str]
    """Ids of infrastructure errors, which are tried again."""


class _Key(BaseModel):
    """The part of a trajectory that resuming looks at."""

    model_config = ConfigDict(extra="ignore")

    task: Task
    attempt: int = 0
    stop_reason: StopReason

    @property
    def id(self) -> str:
        return trajectory_id(self.task.id, self.attempt)


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """The records that count: the last one of each (task id, attempt), in the order of the file.

    Raises ``FileNotFoundError``, or ``BadRecordError`` for a line that is not a trajectory; a torn last line is passed
    over.
    """
    last = {key.id: number for number, key in enumerate(read_jsonl(path, _Key))}
    for number, trajectory in enumerate(read_jsonl(path, Trajectory)):
        if last[trajectory.id] == number:
            yield trajectory


def settings_path(path: Path) -> Path:
    """Where the settings of a trajectories file are kept."""
    return path.with_suffix(".settings.json")


def check_settings(path: Path, settings: RolloutSettings) -> None:
    """Write the settings beside a new file; raise ``ResumeError`` if an existing file was made with others."""
    beside = settings_path(path)
    has_records = path.exists() and path.stat().st_size > 0
    if has_records and not beside.exists():
        raise ResumeError(f"{path} has records but {beside.name} is missing, so nobody knows how they were made")
    if has_records:
        earlier = RolloutSettings.model_validate_json(beside.read_text())
        if not earlier.facts.model_settings:  # a file from before they were noted
            known = settings.facts.model_copy(update={"model_settings": ""})
            settings = settings.model_copy(update={"facts": known})
        differing = list(_differences("", earlier.model_dump(mode="json"), settings.model_dump(mode="json")))
        if differing:
            raise ResumeError(
                f"{path} was made with other settings; use another folder, or set them back:\n" + "\n".join(differing)
            )
        return
    write_atomic(beside, settings.model_dump_json(indent=2) + "\n")


def read_earlier(path: Path, tasks: Sequence[Task], attempts: int) -> Earlier:
    """The attempts that the file contains already. More tasks or attempts than before are allowed. Raises
    ``ResumeError`` if the file contains attempts that were not requested, or a task with another text.
    """
    wanted = {task.id: task for task in tasks}
    stops: dict[str, StopReason] = {}
    for key in read_jsonl(path, _Key) if path.exists() else ():
        if key.task.id not in wanted or key.attempt >= attempts:
            raise ResumeError(f"{path} holds attempt {key.attempt} at task {key.task.id!r}, which is not asked for now")
        if key.task != wanted[key.task.id]:
            raise ResumeError(f"{path} holds another task under the id {key.task.id!r} than the one asked for now")
        stops[key.id] = key.stop_reason
    failed = frozenset(each for each, stop in stops.items() if stop.is_infrastructure_error)
    return Earlier(frozenset(stops) - failed, failed)


def _differences(name: str, earlier: JsonValue, now: JsonValue) -> Iterable[str]:
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in sorted(earlier.keys() | now.keys()):
            yield from _differences(f"{name}.{key}".lstrip("."), earlier.get(key), now.get(key))
    elif earlier != now:
        yield f"  {name}: was {_short(earlier)}, now {_short(now)}"


def _short(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"
