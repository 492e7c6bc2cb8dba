"""Evaluation: graded trajectories become metrics with intervals, and paired comparisons. ``understudy.rollouts`` runs
an agent on test tasks and ``understudy.grading`` judges it. Without a world to act in, ``replay`` compares a model's
next actions with stored ones. Not promised: that a difference within its interval means
anything.
"""

from understudy.evaluation.agreement import compared, summarise
from understudy.evaluation.mark_agreement import agreement_with_marks
from understudy.evaluation.metrics import (
    AVERAGE,
    Graded,
    accuracy_by,
    compare,
    compare_all,
    measure,
)
from understudy.evaluation.shadow import compare_shadow
from understudy.evaluation.statistics import mcnemar, paired_bootstrap, pass_at_k, wilson
from understudy.evaluation.stored_steps import SamplingConfig, StoredStep, replay, stored_steps
from understudy.records import Breakdown

__all__ = [
    "AVERAGE",
    "Breakdown",
    "Graded",
    "SamplingConfig",
    "StoredStep",
    "accuracy_by",
    "agreement_with_marks",
    "compare",
    "compare_all",
    "compare_shadow",
    "compared",
    "mcnemar",
    "measure",
    "paired_bootstrap",
    "pass_at_k",
    "replay",
    "stored_steps",
    "summarise",
    "wilson",
]
