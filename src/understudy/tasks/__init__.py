"""Tasks: outside data becomes ``Task`` records.

In: a name of the paper's benchmarks, ``toy``, a JSONL file or a Hub data set. Out: ``TaskSet``, and the pairs of
training and test questions that are too much alike. Not promised: that a Hub data set stays what it was (name a
``revision``).
"""

from understudy.tasks.benchmarks import BENCHMARKS, TEST_SETS, TRAINING_SETS, Benchmark, UnknownTaskSetError
from understudy.tasks.combining import combine_task_sets
from understudy.tasks.config import FieldMap, Origin, TaskSetConfig
from understudy.tasks.decontamination import (
    Contamination,
    ContaminationRule,
    DecontaminationConfig,
    find_contamination,
)
from understudy.tasks.download import DownloadError
from understudy.tasks.loading import TaskSet, load_tasks
from understudy.tasks.rows import BadTaskError, SkipReason

__all__ = [
    "BENCHMARKS",
    "TEST_SETS",
    "TRAINING_SETS",
    "BadTaskError",
    "Benchmark",
    "Contamination",
    "ContaminationRule",
    "DecontaminationConfig",
    "DownloadError",
    "FieldMap",
    "Origin",
    "SkipReason",
    "TaskSet",
    "TaskSetConfig",
    "UnknownTaskSetError",
    "combine_task_sets",
    "find_contamination",
    "load_tasks",
]
