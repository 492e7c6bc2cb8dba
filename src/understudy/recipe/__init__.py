"""The text of recipes: a YAML file with ``key=value`` overrides becomes data with the origin of each key. Error
messages use the keys as they were written. Not here: the allowed keys (``understudy.pipeline``).
"""

from understudy.recipe.errors import describe, with_origin
from understudy.recipe.loose import loose_values
from understudy.recipe.text import RecipeError, RecipeText, read_recipe_text, with_overrides

__all__ = [
    "RecipeError",
    "RecipeText",
    "describe",
    "loose_values",
    "read_recipe_text",
    "with_origin",
    "with_overrides",
]
