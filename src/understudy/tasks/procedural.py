"""Questions from a generator of reasoning-gym, and the generator's own entries for them.

In: the name of a generator, its settings, a seed. Out: rows with their tasks. ``entry_of`` regenerates the entry of a
task, which the generator's own scoring needs. Not here: scoring (``understudy.grading.procedural``).
"""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from understudy.extras import require
from understudy.records import Record, Task, TaskKind
from understudy.tasks.config import ReasoningGymConfig
from understudy.tasks.source import BadTaskError, Found, SourceFacts

METADATA_KEY = "reasoning_gym"
EXTRA = "reasoning_gym"


class Origin(Record):
    """The fields of ``Task.metadata`` from which a question can be regenerated."""

    generator: str
    options: dict[str, JsonValue] = {}
    seed: int
    size: int
    index: int


class ReasoningGymSource:
    """The questions of one generator. The limit is the number of questions that it makes."""

    def __init__(self, config: ReasoningGymConfig) -> None:
        self._config = config
        self.facts = SourceFacts(config.name or config.generator, licence="Apache-2.0", draws=True)

    def find(self) -> Iterator[Found]:
        config = self._config
        size = config.limit or config.size
        origin = Origin(generator=config.generator, options=config.options, seed=config.seed, size=size, index=0)
        for index in range(size):
            place = f"{config.generator}, question {index}"
            yield Found(place, task_of(origin.model_copy(update={"index": index}), self.facts.name, config.task_kind))


def task_of(origin: Origin, name: str, kind: TaskKind = TaskKind.MATH) -> Task:
    """A question as a task. Raises ``BadTaskError`` if the generator fails."""
    entry = entry_at(origin)
    return Task(
        id=f"{name}-{origin.seed}-{origin.index:05d}",
        question=str(entry["question"]).strip(),
        answer=str(entry["answer"]).strip() or None,
        kind=kind,
        source=name,
        type=origin.generator,
        metadata={METADATA_KEY: origin.model_dump(mode="json")},
    )


def entry_of(task: Task) -> tuple[Any, dict[str, Any]]:
    """The generator of a task, and its entry. Raises ``BadTaskError`` if the task is not from reasoning-gym."""
    if METADATA_KEY not in task.metadata:
        raise BadTaskError(
            f"task {task.id}: expected a question of reasoning-gym; its metadata do not name a generator"
        )
    origin = Origin.model_validate(task.metadata[METADATA_KEY])
    return dataset_of(origin), entry_at(origin)


def entry_at(origin: Origin) -> dict[str, Any]:
    """The entry of a question. Raises ``BadTaskError`` if the generator fails."""
    dataset = dataset_of(origin)
    try:
        entry: dict[str, Any] = dataset[origin.index]
    except Exception as error:
        place = f"reasoning-gym, {origin.generator}, question {origin.index}"
        raise BadTaskError(f"{place}: the generator raised {type(error).__name__}: {error}") from error
    return entry


def dataset_of(origin: Origin) -> Any:
    """The data set of reasoning-gym that made a question. Raises ``BadTaskError``, ``MissingExtraError``."""
    return _dataset(origin.generator, json.dumps(origin.options, sort_keys=True), origin.seed, origin.size)


@lru_cache(maxsize=64)
def _dataset(generator: str, options: str, seed: int, size: int) -> Any:
    require(EXTRA, "A task set of kind reasoning_gym")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # raised by a package that it imports
        from reasoning_gym.factory import DATASETS, create_dataset
    if generator not in DATASETS:
        raise BadTaskError(f"generator: expected one of {', '.join(sorted(DATASETS))}; came {generator!r}")
    settings: Mapping[str, object] = json.loads(options)
    known = [field.name for field in dataclasses.fields(DATASETS[generator][1]) if field.name not in ("seed", "size")]
    if unknown := [name for name in settings if name not in known]:
        raise BadTaskError(f"options: {generator} has {', '.join(known)}; came {unknown[0]!r}")
    try:
        return create_dataset(generator, seed=seed, size=size, **settings)
    except Exception as error:
        raise BadTaskError(f"options: {generator} refused {options}: {type(error).__name__}: {error}") from error
