"""The text of recipes: in goes a YAML file with ``key=value`` overrides, out comes data with the origin of each key.

What is wrong with it is said in the words of the person who wrote it. Not here: which keys there are
(``understudy.pipeline``).
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
