"""Near duplicates among the questions of a curation.

In: tasks in order. Out: for each later near duplicate the earlier task it repeats. Two tasks are near duplicates if
their reference answers are equal and the word pairs of their questions overlap: questions of one template differ in few
words but have different answers. Not here: overlap with test sets (``understudy.tasks``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from understudy.records import Task

TaskKey = tuple[str, str]
"""Id and question of a task: two task sets may use the same id for different questions."""


def key_of(task: Task) -> TaskKey:
    """The identity of a task."""
    return task.id, task.question


def near_duplicates(tasks: Iterable[Task], similarity: float) -> dict[TaskKey, Task]:
    """Map each near duplicate to the kept task that it repeats.

    ``tasks``: each task once. ``similarity``: Jaccard similarity in (0, 1] of the questions'
    words and pairs of neighbouring words.
    """
    kept: defaultdict[str, list[tuple[Task, frozenset[str]]]] = defaultdict(list)
    repeats: dict[TaskKey, Task] = {}
    for task in tasks:
        shingles = _shingles(task.question)
        same_answer = kept["" if task.answer is None else " ".join(_words(task.answer))]
        # Without references, questions of one template cannot be distinguished, so only equal words count.
        needed = 1.0 if task.answer is None else similarity
        earlier = next((one for one, other in same_answer if _jaccard(shingles, other) >= needed), None)
        if earlier is None:
            same_answer.append((task, shingles))
        else:
            repeats[key_of(task)] = earlier
    return repeats


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold()) or [text.strip()]


def _shingles(text: str) -> frozenset[str]:
    words = _words(text)
    return frozenset(words) | {f"{first} {second}" for first, second in pairwise(words)}


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
