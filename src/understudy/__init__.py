"""Understudy: turn an expensive, tool-using LLM agent into a small one that acts by itself.

The names here are the usual beginnings; each room (``understudy.agents``, ``understudy.training``, …) has a door with
the rest. Importing this package loads nothing: a name is looked up in its room when it is first used.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.agents import open_agent as open_agent
    from understudy.evaluation import compare_all as compare_all
    from understudy.evaluation import measure as measure
    from understudy.grading import open_grader as open_grader
    from understudy.models import open_model as open_model
    from understudy.pipeline import Recipe as Recipe
    from understudy.pipeline import load_recipe as load_recipe
    from understudy.records import Example as Example
    from understudy.records import Score as Score
    from understudy.records import Task as Task
    from understudy.records import Trajectory as Trajectory
    from understudy.retrieval import open_retriever as open_retriever
    from understudy.sandbox import open_sandbox as open_sandbox
    from understudy.tasks import load_tasks as load_tasks
    from understudy.tools import tool as tool

_ROOMS = {
    "Example": "records",
    "Recipe": "pipeline",
    "Score": "records",
    "Task": "records",
    "Trajectory": "records",
    "compare_all": "evaluation",
    "load_recipe": "pipeline",
    "load_tasks": "tasks",
    "measure": "evaluation",
    "open_agent": "agents",
    "open_grader": "grading",
    "open_model": "models",
    "open_retriever": "retrieval",
    "open_sandbox": "sandbox",
    "tool": "tools",
}

__all__ = sorted(_ROOMS)  # noqa: PLE0605  the names are those of the table


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("understudy")
    if name not in _ROOMS:
        raise AttributeError(f"module 'understudy' has no name {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"understudy.{_ROOMS[name]}"), name)
