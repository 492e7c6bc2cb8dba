"""The toy world: questions that a small model can only answer by looking up and computing.

In: a seed. Out: tasks of three levels, the pages of an encyclopedia, and a teacher that is a program.
Not promised: anything about real questions; the world serves the demo and tests. Training, development and test
questions are about disjoint sets of names, for every seed.
"""

from understudy.tasks.toy.encyclopedia import RECIPES_WORLD, toy_passages
from understudy.tasks.toy.questions import toy_tasks
from understudy.tasks.toy.teacher import ToyTeacher, toy_teacher

__all__ = [
    "RECIPES_WORLD",
    "ToyTeacher",
    "toy_passages",
    "toy_tasks",
    "toy_teacher",
]
