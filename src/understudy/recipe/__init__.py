"""Recipes: in goes a YAML file with ``key=value`` overrides, out comes a typed ``Recipe`` or a clear error.

Config stops at this door: rooms get their own configs, never the recipe.
"""

from understudy.recipe.errors import RecipeError
from understudy.recipe.schema import (
    EvaluateStage,
    PublishedStage,
    Recipe,
    RepairStage,
    StageRef,
    attempts_named,
    load_recipe,
    recipe_of_run,
    trained,
)

__all__ = [
    "EvaluateStage",
    "PublishedStage",
    "Recipe",
    "RecipeError",
    "RepairStage",
    "StageRef",
    "attempts_named",
    "load_recipe",
    "recipe_of_run",
    "trained",
]
