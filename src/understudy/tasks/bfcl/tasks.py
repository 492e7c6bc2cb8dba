"""BFCL's dialogues as tasks.

In: the config of a set. Out: rows with their tasks. Not here: reading the package's files (``data.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

from understudy.records import Task
from understudy.tasks.bfcl.data import METADATA_KEY, BfclEntry, load_set, split_numbers
from understudy.tasks.config import BfclConfig, BfclSet
from understudy.tasks.source import Found, SourceFacts


class BfclSource:
    """The tasks of one split of one set."""

    def __init__(self, config: BfclConfig) -> None:
        self._config = config
        # Two tasks of a set begin with the same text and then differ.
        self.facts = SourceFacts(f"bfcl_{config.name}", config.split, licence="Apache-2.0", keeps_repeated=True)

    def find(self) -> Iterator[Found]:
        for task in bfcl_tasks(self._config.name, self._config.split):
            yield Found(task.id, task)


def bfcl_tasks(name: BfclSet, split: str = "all") -> tuple[Task, ...]:
    """The tasks of a split: ``train``, ``test`` or ``all``. Raises ``MissingExtraError``."""
    entries = load_set(name)
    numbers = range(len(entries)) if split == "all" else split_numbers()[split]
    return tuple(_task(entries[number], split) for number in numbers)


def _task(entry: BfclEntry, split: str) -> Task:
    first, *others = entry.turns
    return Task(
        id=entry.id,
        question=first,
        turns=tuple(others),
        source=f"bfcl_{entry.set}",
        split=split,
        type=" + ".join(sorted(entry.classes)),
        metadata={METADATA_KEY: entry.model_dump(mode="json")},
    )
