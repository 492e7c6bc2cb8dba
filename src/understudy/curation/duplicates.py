"""Questions asked twice in other words.

In: tasks in order. Out: for each later near duplicate the earlier task it repeats. Two tasks are near duplicates
when their reference answers are equal and the word pairs of their questions overlap: questions made from one
pattern differ in few words, but they have different answers. Not here: overlap with test sets (``understudy.tasks``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

from understudy.records import Task


def near_duplicates(tasks: Iterable[Task], similarity: float) -> dict[str, str]:
    """Map the id of each near duplicate to the id of the kept task it repeats.

    ``tasks``: each task once. ``similarity``: Jaccard similarity in (0, 1] of the questions'
    words and pairs of neighbouring words.
    """
    kept: defaultdict[str, list[tuple[str, frozenset[str]]]] = defaultdict(list)
    repeats: dict[str, str] = {}
    for task in tasks:
        shingles = _shingles(task.question)
        same_answer = kept["" if task.answer is None else " ".join(_words(task.answer))]
        # Without references nothing tells questions of one pattern apart, so only equal words count.
        needed = 1.0 if task.answer is None else similarity
        earlier = next((task_id for task_id, other in same_answer if _jaccard(shingles, other) >= needed), None)
        if earlier is None:
            same_answer.append((task.id, shingles))
        else:
            repeats[task.id] = earlier
    return repeats


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold()) or [text.strip()]


def _shingles(text: str) -> frozenset[str]:
    words = _words(text)
    return frozenset(words) | {f"{first} {second}" for first, second in pairwise(words)}


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)
