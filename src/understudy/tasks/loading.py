"""The public verb of the room: a config becomes a task set.

In: a ``TaskSetConfig`` (or a benchmark's name). Out: a ``TaskSet`` with its tasks and a count of what was left out.
Not here: the toy world's inside (``understudy.tasks.toy``), grading, prompts.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from understudy.records import Task, TaskKind
from understudy.tasks.benchmarks import benchmark_named
from understudy.tasks.config import Origin, TaskSetConfig
from understudy.tasks.rows import BadTaskError, Row, RowReader, SkipReason
from understudy.tasks.sources import benchmark_fields, benchmark_file, benchmark_rows, hub_rows, jsonl_rows


@dataclass(frozen=True, slots=True)
class TaskSet:
    """Tasks of one name and split, ids unique, in the order of their source."""

    name: str
    split: str
    tasks: tuple[Task, ...]
    skipped: Mapping[SkipReason, int]
    """Rows of the source that became no task, by reason, before ``limit``."""
    n_rows: int
    """Rows of the source."""
    n_repeated: int = 0
    """Tasks whose question and answer came before under another id and that were kept: the paper's sets are
    loaded as the paper used them."""
    licence: str = ""
    """Of the questions, where it is known."""


def load_tasks(
    config: TaskSetConfig | str, split: str | None = None, limit: int | None = None, seed: int | None = None
) -> TaskSet:
    """Load a task set. ``load_tasks("math500", limit=50)`` is short for a config of these keys.

    Raises ``UnknownTaskSetError``, ``BadTaskError`` (file, line, field, what came, what was expected),
    ``DownloadError``, ``OSError``.
    """
    given = {"split": split, "limit": limit, "seed": seed}
    if isinstance(config, str):
        config = TaskSetConfig.model_validate({"name": config} | {k: v for k, v in given.items() if v is not None})
    elif wrong := [key for key, value in given.items() if value is not None]:
        raise ValueError(f"{wrong[0]}: belongs into the config when one is given")
    if config.origin is Origin.TOY:
        return _toy(config)
    tasks = _read(config)
    if config.limit is not None and config.limit < len(tasks.tasks):
        drawn = _draw(len(tasks.tasks), config.limit, config.seed)
        return _replace_tasks(tasks, tuple(tasks.tasks[index] for index in drawn))
    return tasks


def _toy(config: TaskSetConfig) -> TaskSet:
    from understudy.tasks.toy import RECIPES_WORLD, toy_tasks

    if config.limit is None:
        raise ValueError("limit: expected the number of tasks wanted from the toy world, nothing came")
    split = cast(Literal["train", "dev", "test"], config.split)
    tasks = tuple(toy_tasks(split, config.limit, RECIPES_WORLD, draw=config.seed))
    return TaskSet(config.name, config.split, tasks, {}, len(tasks), licence="Apache-2.0")


def _read(config: TaskSetConfig) -> TaskSet:
    if config.origin is Origin.BENCHMARK:
        benchmark = benchmark_named(config.name, config.split)
        path = benchmark_file(benchmark, config.data_dir, config.cache_dir)
        rows = list(benchmark_rows(path))
        reader = RowReader(benchmark_fields(rows[0]), benchmark.kind, benchmark.name, benchmark.split)
        return _collect(reader, rows, keep_repeated=True, licence=benchmark.licence)
    kind = config.kind or TaskKind.FACT
    reader = RowReader(config.fields, kind, config.name, config.split)
    if config.path is not None:
        return _collect(reader, jsonl_rows(config.path), keep_repeated=False)
    return _collect(reader, hub_rows(config), keep_repeated=False)


def _collect(reader: RowReader, rows: Iterable[Row], *, keep_repeated: bool, licence: str = "") -> TaskSet:
    tasks: dict[str, Task] = {}
    places: dict[str, str] = {}
    questions: set[tuple[str, str | None]] = set()
    skipped: Counter[SkipReason] = Counter()
    n_rows = n_repeated = 0
    for row in rows:
        n_rows += 1
        task = reader.read(row)
        if isinstance(task, SkipReason):
            skipped[task] += 1
            continue
        key = (" ".join(task.question.split()), task.answer)
        is_repeated = key in questions
        if is_repeated and not (keep_repeated and task.id not in tasks):
            skipped[SkipReason.DUPLICATE] += 1
            continue
        if task.id in tasks:
            raise BadTaskError(f"{row.place}: expected an id of its own, {task.id!r} came before at {places[task.id]}")
        n_repeated += is_repeated
        questions.add(key)
        tasks[task.id], places[task.id] = task, row.place
    return TaskSet(reader.source, reader.split, tuple(tasks.values()), dict(skipped), n_rows, n_repeated, licence)


def _draw(n: int, limit: int, seed: int) -> list[int]:
    """``limit`` of ``n`` indices in order; the first ones of one shuffle, so a larger limit holds the smaller one."""
    order = list(range(n))
    random.Random(seed).shuffle(order)
    return sorted(order[:limit])


def _replace_tasks(task_set: TaskSet, tasks: tuple[Task, ...]) -> TaskSet:
    return TaskSet(
        task_set.name, task_set.split, tasks, task_set.skipped, task_set.n_rows, task_set.n_repeated, task_set.licence
    )
