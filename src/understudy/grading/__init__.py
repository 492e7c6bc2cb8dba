"""Grading: a trajectory and its reference become a ``Score``.

In: trajectories. Out: scores that carry the extracted answer, an explanation, the grader's name and version. An attempt
without an answer is wrong, always; one that the program failed is not graded. Not promised: that a judge is right.
"""

from understudy.grading.again import Regrading, grade_all, regrade
from understudy.grading.answers import last_boxed
from understudy.grading.config import (
    GRADERS,
    AutoConfig,
    ExactMatchConfig,
    GraderConfig,
    JudgeConfig,
    MathConfig,
    RubricConfig,
)
from understudy.grading.facts import exact_match, normalise_answer, token_f1
from understudy.grading.grader import Grader, Judgement
from understudy.grading.grounding import answer_in_text
from understudy.grading.marks import MarksConfig, read_marks, shown_digest
from understudy.grading.normal_form import normal_form
from understudy.grading.opening import open_grader
from understudy.grading.own import GraderError

__all__ = [
    "GRADERS",
    "AutoConfig",
    "ExactMatchConfig",
    "Grader",
    "GraderConfig",
    "GraderError",
    "JudgeConfig",
    "Judgement",
    "MarksConfig",
    "MathConfig",
    "Regrading",
    "RubricConfig",
    "answer_in_text",
    "exact_match",
    "grade_all",
    "last_boxed",
    "normal_form",
    "normalise_answer",
    "open_grader",
    "read_marks",
    "regrade",
    "shown_digest",
    "token_f1",
]
