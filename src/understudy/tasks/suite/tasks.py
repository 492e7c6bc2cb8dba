"""The questions of one set of the suite.

In: the name of a set and a split. Out: its tasks. They and their order are always the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from understudy.records import Task
from understudy.tasks.config import FACT_SETS, MathSet, SuiteSet
from understudy.tasks.suite.questions import fact_tasks
from understudy.tasks.suite.word_problems import math_tasks
from understudy.tasks.suite.world import Split


def suite_tasks(name: SuiteSet, split: Split) -> Iterator[Task]:
    """All questions of a set. Raises ``MissingExtraError`` for a mathematical one if reasoning-gym is missing."""
    if name in FACT_SETS:
        yield from fact_tasks(name, split)
    else:
        yield from math_tasks(cast(MathSet, name), split)
