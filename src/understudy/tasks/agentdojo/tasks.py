"""AgentDojo's user tasks as tasks, each alone or once for each injected task.

In: the config of a suite. Out: rows with their tasks. Not here: reading the package (``data.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.records import ATTACK, Task
from understudy.tasks.agentdojo.data import (
    METADATA_KEY,
    DojoEntry,
    injection_ids,
    injection_task,
    injections_of,
    number_of,
    user_ids,
    user_task,
)
from understudy.tasks.config import AgentDojoConfig
from understudy.tasks.source import BadTaskError, Found, SourceFacts


class AgentDojoSource:
    """The tasks of one suite, with or without an attack."""

    def __init__(self, config: AgentDojoConfig) -> None:
        self._config = config
        # A user task comes once for each injected task.
        self.facts = SourceFacts(f"agentdojo_{config.name}", config.split, licence="MIT", keeps_repeated=True)

    def find(self) -> Iterator[Found]:
        for task in agentdojo_tasks(self._config):
            yield Found(task.id, task)


def agentdojo_tasks(config: AgentDojoConfig) -> tuple[Task, ...]:
    """The tasks of a suite. Raises ``MissingExtraError``, and ``BadTaskError`` for a name that the suite lacks."""
    users = _chosen(config.user_tasks, user_ids(config.name, config.version), f"{config.name}: user_tasks")
    users = tuple(user for user in users if _is_in(config.split, number_of(user)))
    return tuple(_task(entry, config.split) for user in users for entry in _entries(config, user))


def _is_in(split: str, number: int) -> bool:
    return split == "all" or (number % 2 == 0) is (split == "train")


def _entries(config: AgentDojoConfig, user: str) -> Iterator[DojoEntry]:
    plain = DojoEntry(suite=config.name, version=config.version, user_task=user)
    if config.attack is None:
        yield plain
        return
    known = injection_ids(config.name, config.version)
    for injection in _chosen(config.injection_tasks, known, f"{config.name}: injection_tasks"):
        texts = injections_of(config.name, config.version, config.attack, user, injection)
        facts = {"injection_task": injection, "attack": config.attack, "injections": dict(texts)}
        yield plain.model_copy(update=facts)


def _chosen(names: tuple[str, ...] | None, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    if unknown := [name for name in names or () if name not in known]:
        raise BadTaskError(f"{where}: expected some of {', '.join(known)}; got {unknown[0]!r}")
    return known if names is None else names


def _task(entry: DojoEntry, split: str) -> Task:
    attack = {ATTACK: f"{entry.attack}: {injection_task(entry).GOAL}"} if entry.attack else {}
    return Task(
        id=entry.id,
        question=user_task(entry).PROMPT,
        source=f"agentdojo_{entry.suite}",
        split=split,
        level=user_task(entry).DIFFICULTY.name.lower(),
        type=entry.injection_task,
        metadata={METADATA_KEY: entry.model_dump(mode="json"), **attack},
    )
