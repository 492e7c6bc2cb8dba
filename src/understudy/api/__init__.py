"""The whole method as functions, for scripts and notebooks: roll out, curate, train, evaluate, compare.

In: tasks, models, agents, tools, search engines, graders: as opened parts, as plain functions, as config objects, or as
what a recipe would say of them (a mapping, or a kind alone). Out: records in memory, and files if ``out`` is named;
a call that was killed resumes from these. Wrong settings raise ``ValueError`` before any work. Not here: the work
itself; what runs in stages and is reported on is a recipe (``understudy.pipeline``).
"""

from understudy.api.functions import compare, curate, evaluate, first_thoughts, rollout, train
from understudy.api.results import Attempts, Evaluation, Student

__all__ = [
    "Attempts",
    "Evaluation",
    "Student",
    "compare",
    "curate",
    "evaluate",
    "first_thoughts",
    "rollout",
    "train",
]
