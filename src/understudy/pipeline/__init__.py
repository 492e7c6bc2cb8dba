"""The pipeline: runs the stages of a recipe and fills a run directory.

A stage that is done and unchanged is not run again; a killed one resumes. ``Stage`` is the base class of every kind of
stage. Not here: the work of a stage's parts (``understudy.rollouts``, ``understudy.training``, …).
"""

from typing import TYPE_CHECKING

from understudy.lazy import lazy_names

if TYPE_CHECKING:
    from understudy.pipeline.compare import compare_runs as compare_runs
    from understudy.pipeline.compare import evaluations_of as evaluations_of
    from understudy.pipeline.context import RunContext as RunContext
    from understudy.pipeline.doctor import examine as examine
    from understudy.pipeline.exporting import export_student as export_student
    from understudy.pipeline.loading import load_recipe as load_recipe
    from understudy.pipeline.loading import parse_recipe as parse_recipe
    from understudy.pipeline.loading import recipe_of_run as recipe_of_run
    from understudy.pipeline.publishing import Prepared as Prepared
    from understudy.pipeline.publishing import PushOptions as PushOptions
    from understudy.pipeline.publishing import prepare_push as prepare_push
    from understudy.pipeline.recipe import Recipe as Recipe
    from understudy.pipeline.regrade import grade_run as grade_run
    from understudy.pipeline.reinforcement import export_rl as export_rl
    from understudy.pipeline.rerunning import compare_with_card as compare_with_card
    from understudy.pipeline.rerunning import recipe_of_card as recipe_of_card
    from understudy.pipeline.run import MissingInputError as MissingInputError
    from understudy.pipeline.run import Outcome as Outcome
    from understudy.pipeline.run import run_recipe as run_recipe
    from understudy.pipeline.run_directory import RunDirectory as RunDirectory
    from understudy.pipeline.run_directory import StageChangedError as StageChangedError
    from understudy.pipeline.run_directory import list_stages as list_stages
    from understudy.pipeline.serving import served_agent as served_agent
    from understudy.pipeline.stage import Counts as Counts
    from understudy.pipeline.stage import Stage as Stage
    from understudy.pipeline.stage import StageFailedError as StageFailedError
    from understudy.pipeline.stage_kinds import STAGES as STAGES
    from understudy.pipeline.students import verify_students as verify_students
    from understudy.pipeline.trainings import TrainingStage as TrainingStage
    from understudy.recipe import RecipeError as RecipeError

_HOMES = {
    "Counts": "understudy.pipeline.stage",
    "MissingInputError": "understudy.pipeline.run",
    "Outcome": "understudy.pipeline.run",
    "Prepared": "understudy.pipeline.publishing",
    "PushOptions": "understudy.pipeline.publishing",
    "Recipe": "understudy.pipeline.recipe",
    "RecipeError": "understudy.recipe",
    "RunContext": "understudy.pipeline.context",
    "RunDirectory": "understudy.pipeline.run_directory",
    "STAGES": "understudy.pipeline.stage_kinds",
    "Stage": "understudy.pipeline.stage",
    "StageChangedError": "understudy.pipeline.run_directory",
    "StageFailedError": "understudy.pipeline.stage",
    "TrainingStage": "understudy.pipeline.trainings",
    "compare_runs": "understudy.pipeline.compare",
    "compare_with_card": "understudy.pipeline.rerunning",
    "evaluations_of": "understudy.pipeline.compare",
    "examine": "understudy.pipeline.doctor",
    "export_rl": "understudy.pipeline.reinforcement",
    "export_student": "understudy.pipeline.exporting",
    "grade_run": "understudy.pipeline.regrade",
    "list_stages": "understudy.pipeline.run_directory",
    "load_recipe": "understudy.pipeline.loading",
    "parse_recipe": "understudy.pipeline.loading",
    "prepare_push": "understudy.pipeline.publishing",
    "recipe_of_card": "understudy.pipeline.rerunning",
    "recipe_of_run": "understudy.pipeline.loading",
    "run_recipe": "understudy.pipeline.run",
    "served_agent": "understudy.pipeline.serving",
    "verify_students": "understudy.pipeline.students",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605  the names are those of the table
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
