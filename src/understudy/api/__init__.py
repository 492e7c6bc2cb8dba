"""The whole method as functions, for scripts and notebooks: roll out, grade, clean, curate, train, evaluate, compare.

In: tasks, models, agents, tools, search engines, graders: as opened parts, plain functions, config objects, or as a
recipe would name them (a mapping, or a kind alone). Out: records in memory, and files if ``out`` is named; a killed
call resumes from these. Wrong settings raise ``ValueError`` before any work. Not here: the work itself; recipes, which
run in stages and get a report (``understudy.pipeline``).
"""

from understudy.api.cleaning import clean
from understudy.api.functions import compare, curate, evaluate, first_thoughts, grade, rollout, train
from understudy.api.results import Attempts, Evaluation, Student

__all__ = [
    "Attempts",
    "Evaluation",
    "Student",
    "clean",
    "compare",
    "curate",
    "evaluate",
    "first_thoughts",
    "grade",
    "rollout",
    "train",
]
