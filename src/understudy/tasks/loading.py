"""The public function of the package: a config becomes a task set.

In: the config of a task source, its keys, or a name. Out: a ``TaskSet`` with its tasks and a count of what was left
out. Not here: the sources (``understudy.tasks.sources``), grading, prompts.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from understudy.records import Task
from understudy.registry import PartConfig
from understudy.tasks.config import TASK_SOURCES
from understudy.tasks.source import BadTaskError, SkipReason, TaskSource, TaskSourceConfig


@dataclass(frozen=True, slots=True)
class TaskSet:
    """Tasks of one source, ids unique, in the order of the source. There is at least one."""

    name: str
    split: str
    tasks: tuple[Task, ...]
    skipped: Mapping[SkipReason, int]
    """Rows of the source without a task, by reason, before ``limit``."""
    n_rows: int
    """Rows of the source."""
    n_repeated: int = 0
    """Tasks whose question and answer came before under another id and that were kept: the paper's sets are
    loaded as the paper used them."""
    licence: str = ""
    """Of the questions, if it is known."""


def load_tasks(config: PartConfig | Mapping[str, object] | str = MappingProxyType({}), **keys: object) -> TaskSet:
    """Load a task set. ``load_tasks("math500", limit=50)`` and ``load_tasks(path="mine.jsonl")`` name the keys.

    Raises ``pydantic.ValidationError`` for wrong keys, ``UnknownTaskSetError``, ``BadTaskError`` (file, line, field,
    what it got, what was expected; or that there is no task, and why), ``DownloadError``, ``OSError``.
    """
    config = _read_config(config, keys)
    source = TASK_SOURCES.open(config)
    found = _collect(source)
    if not found.tasks:
        reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in found.skipped.items())
        was = f"{found.n_rows} rows were read ({reasons})" if reasons else "the source holds no rows"
        raise BadTaskError(f"{found.name}: expected tasks, {was}")
    if config.limit is None or config.limit >= len(found.tasks) or source.facts.draws:
        return found
    drawn = _draw(len(found.tasks), config.limit, config.seed)
    return replace(found, tasks=tuple(found.tasks[index] for index in drawn))


def _read_config(config: PartConfig | Mapping[str, object] | str, keys: Mapping[str, object]) -> TaskSourceConfig:
    if isinstance(config, str):
        config = {"kind" if ":" in config else "name": config}
    if isinstance(config, PartConfig) and keys:
        raise ValueError(f"{next(iter(keys))}: a config was passed; put this key into it")
    read = TASK_SOURCES.validate(config if isinstance(config, PartConfig) else {**config, **keys})
    if not isinstance(read, TaskSourceConfig):
        raise TypeError(f"expected the config of a task source, got {type(read).__name__}")
    return read


def _collect(source: TaskSource) -> TaskSet:
    facts = source.facts
    tasks: dict[str, Task] = {}
    places: dict[str, str] = {}
    questions: set[tuple[str, str | None]] = set()
    skipped: Counter[SkipReason] = Counter()
    n_rows = n_repeated = 0
    for row in source.find():
        n_rows += 1
        task = row.task
        if isinstance(task, SkipReason):
            skipped[task] += 1
            continue
        key = (" ".join(task.question.split()), task.answer)
        is_repeated = key in questions
        if is_repeated and not (facts.keeps_repeated and task.id not in tasks):
            skipped[SkipReason.DUPLICATE] += 1
            continue
        if task.id in tasks:
            raise BadTaskError(f"{row.place}: expected an id of its own, {task.id!r} came before at {places[task.id]}")
        n_repeated += is_repeated
        questions.add(key)
        tasks[task.id], places[task.id] = task, row.place
    found = tuple(tasks.values())
    return TaskSet(facts.name, facts.split, found, dict(skipped), n_rows, n_repeated, facts.licence)


def _draw(n: int, limit: int, seed: int) -> list[int]:
    """``limit`` of ``n`` indices in order; the first ones of one shuffle, so a larger limit holds the smaller one."""
    order = list(range(n))
    random.Random(seed).shuffle(order)
    return sorted(order[:limit])
