"""Evaluate: graded trajectories go in, metrics with intervals and paired comparisons come out.

Running an agent on test tasks is ``understudy.rollouts``, judging it ``understudy.grading``. Not promised: that a
difference within its interval means anything.
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
