"""Understudy: turn an expensive, tool-using LLM agent into a small one that acts by itself.

The names here are enough for a whole distillation; each package (``understudy.agents``, ``understudy.training``, …) has
the rest. Importing this package loads nothing: a name is looked up in its package when it is first used.
"""

from typing import TYPE_CHECKING

from understudy.lazy import lazy_names

if TYPE_CHECKING:
    from understudy.agents import open_agent as open_agent
    from understudy.api import Attempts as Attempts
    from understudy.api import Evaluation as Evaluation
    from understudy.api import Student as Student
    from understudy.api import clean as clean
    from understudy.api import compare as compare
    from understudy.api import curate as curate
    from understudy.api import evaluate as evaluate
    from understudy.api import first_thoughts as first_thoughts
    from understudy.api import grade as grade
    from understudy.api import rollout as rollout
    from understudy.api import train as train
    from understudy.evaluation import compare_all as compare_all
    from understudy.evaluation import measure as measure
    from understudy.grading import open_grader as open_grader
    from understudy.models import open_model as open_model
    from understudy.pipeline import Recipe as Recipe
    from understudy.pipeline import load_recipe as load_recipe
    from understudy.pipeline import run_recipe as run_recipe
    from understudy.records import Example as Example
    from understudy.records import Score as Score
    from understudy.records import Task as Task
    from understudy.records import Trajectory as Trajectory
    from understudy.retrieval import open_retriever as open_retriever
    from understudy.sandbox import open_sandbox as open_sandbox
    from understudy.tasks import load_tasks as load_tasks
    from understudy.tools import tool as tool

_HOMES = {
    "Attempts": ".api",
    "Evaluation": ".api",
    "Example": ".records",
    "Recipe": ".pipeline",
    "Score": ".records",
    "Student": ".api",
    "Task": ".records",
    "Trajectory": ".records",
    "clean": ".api",
    "compare": ".api",
    "compare_all": ".evaluation",
    "curate": ".api",
    "evaluate": ".api",
    "first_thoughts": ".api",
    "grade": ".api",
    "load_recipe": ".pipeline",
    "load_tasks": ".tasks",
    "measure": ".evaluation",
    "open_agent": ".agents",
    "open_grader": ".grading",
    "open_model": ".models",
    "open_retriever": ".retrieval",
    "open_sandbox": ".sandbox",
    "rollout": ".api",
    "run_recipe": ".pipeline",
    "tool": ".tools",
    "train": ".api",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  the names are those of the table
_look_up, __dir__ = lazy_names(__name__, _HOMES)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("understudy")
    return _look_up(name)
