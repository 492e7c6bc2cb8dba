"""The walk: a recipe goes in, a run directory comes out, filled stage by stage.

A stage that is done and unchanged is passed over; a killed one goes on. Not here: what a stage does inside its rooms.
"""

from understudy.pipeline.attempts import StageFailedError
from understudy.pipeline.compare import compare_runs, evaluations_of
from understudy.pipeline.doctor import examine
from understudy.pipeline.regrade import grade_run
from understudy.pipeline.run_directory import RunDirectory, StageChangedError, list_stages
from understudy.pipeline.students import check_students
from understudy.pipeline.walk import MissingInputError, Visit, walk

__all__ = [
    "MissingInputError",
    "RunDirectory",
    "StageChangedError",
    "StageFailedError",
    "Visit",
    "check_students",
    "compare_runs",
    "evaluations_of",
    "examine",
    "grade_run",
    "list_stages",
    "walk",
]
