"""Several task sets of a recipe become the tasks of one stage.

In: task sets by the recipe's names. Out: tasks with unique ids, each with the names of its sets. Two sets may
be splits, draws or files of one source: a question of both is one task, and two questions with one id get ids of their
own. Not here: loading a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from understudy.records import Task


def combine_task_sets(sets: Mapping[str, Sequence[Task]]) -> list[Task]:
    """The tasks of all sets, in the order of the sets."""
    holders: dict[str, dict[str, list[str]]] = {}  # task id → each task of that id as JSON → the sets that hold it
    firsts: list[tuple[Task, list[str]]] = []
    for name, tasks in sets.items():
        for task in tasks:
            same_id = holders.setdefault(task.id, {})
            names = same_id.setdefault(task.model_dump_json(), [])
            if not names:
                firsts.append((task, names))
            names.append(name)
    return [_named(task, names, is_unique=len(holders[task.id]) == 1) for task, names in firsts]


def _named(task: Task, names: Sequence[str], *, is_unique: bool) -> Task:
    task_id = task.id if is_unique else f"{names[0]}:{task.id}"
    return task.model_copy(update={"id": task_id, "task_sets": tuple(names)})
