"""Evaluation: graded trajectories become metrics with intervals, and paired comparisons. ``understudy.rollouts`` runs
an agent on test tasks and ``understudy.grading`` judges it. Not promised: that a difference within its interval means
anything.
"""

from understudy.evaluation.metrics import (
    AVERAGE,
    Graded,
    accuracy_by,
    compare,
    compare_all,
    measure,
)
from understudy.evaluation.statistics import mcnemar, paired_bootstrap, pass_at_k, wilson
from understudy.records import Breakdown, GroupAccuracy

__all__ = [
    "AVERAGE",
    "Breakdown",
    "Graded",
    "GroupAccuracy",
    "accuracy_by",
    "compare",
    "compare_all",
    "mcnemar",
    "measure",
    "paired_bootstrap",
    "pass_at_k",
    "wilson",
]
