"""Tasks: outside data becomes ``Task`` records.

In: a file, a Hub data set, a benchmark of the paper, the toy world, or a source of your own. Out: ``TaskSet``, and
pairs of training and test questions that are too similar. Not promised: that a Hub data set does not change (name a
``revision``).
"""

from understudy.tasks.benchmarks import BENCHMARKS, TEST_SETS, TRAINING_SETS, UnknownTaskSetError
from understudy.tasks.combining import combine_task_sets
from understudy.tasks.config import (
    TASK_SOURCES,
    BenchmarkConfig,
    FieldMap,
    FileConfig,
    HubConfig,
    TaskSetConfig,
    ToyConfig,
)
from understudy.tasks.decontamination import (
    Contamination,
    ContaminationRule,
    DecontaminationConfig,
    contaminated_questions,
    find_contamination,
)
from understudy.tasks.download import DownloadError
from understudy.tasks.loading import TaskSet, load_tasks
from understudy.tasks.source import BadTaskError, SkipReason, TaskSource

__all__ = [
    "BENCHMARKS",
    "TASK_SOURCES",
    "TEST_SETS",
    "TRAINING_SETS",
    "BadTaskError",
    "BenchmarkConfig",
    "Contamination",
    "ContaminationRule",
    "DecontaminationConfig",
    "DownloadError",
    "FieldMap",
    "FileConfig",
    "HubConfig",
    "SkipReason",
    "TaskSet",
    "TaskSetConfig",
    "TaskSource",
    "ToyConfig",
    "UnknownTaskSetError",
    "combine_task_sets",
    "contaminated_questions",
    "find_contamination",
    "load_tasks",
]
