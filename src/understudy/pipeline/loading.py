"""From a YAML file to a recipe that can be run.

In: a YAML file and ``key=value`` overrides. Out: a ``Recipe``, or one ``RecipeError`` that lists every problem with its
line, its key, what was expected and what it got, before any work starts.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from understudy.annotations import Folders
from understudy.pipeline.problems import problems_of
from understudy.pipeline.recipe import STAGES_FIELD, Recipe
from understudy.pipeline.stage_kinds import STAGES, section_class
from understudy.recipe import (
    RecipeError,
    RecipeText,
    describe,
    loose_values,
    read_recipe_text,
    with_origin,
    with_overrides,
)
from understudy.records import Manifest
from understudy.registry import make_importable
from understudy.run_layout import MANIFEST
from understudy.runs import BadRecordError, explain


def load_recipe(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides (``train.agent.learning_rate=1e-4``).

    Modules beside the recipe and in the working directory can be named in it from then on.
    Raises ``RecipeError`` with all problems at once.
    """
    text = with_overrides(read_recipe_text(path), overrides)
    if isinstance(text.data, dict) and STAGES_FIELD in text.data:
        why = "unknown key: each kind of stage has a section of its own, such as `train: {name: …}`"
        raise RecipeError(path, [with_origin(f"{STAGES_FIELD}: {why}", text)])
    return parse_recipe(text)


def recipe_of_run(run_dir: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe that a run's manifest holds, with overrides. Raises ``RecipeError``, ``BadRecordError``."""
    path = run_dir / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RecipeError(run_dir, [f"expected a recipe or a run directory; there is no {MANIFEST} in it"]) from None
    except ValidationError as error:
        raise BadRecordError(f"{path}: {explain(error, 'manifest')}") from None
    data = json.loads(json.dumps(manifest.recipe))
    data |= data.pop(STAGES_FIELD, {})  # overrides name a stage as a recipe's file does
    folders = (Path(manifest.recipe_folder),) if manifest.recipe_folder else ()
    return parse_recipe(with_overrides(RecipeText(path, data, {}, folders), overrides))


def parse_recipe(text: RecipeText) -> Recipe:
    """Make a recipe of what a file says. Raises ``RecipeError``."""
    folders = Folders(tuple(dict.fromkeys((*text.folders, Path.cwd()))))
    make_importable(*folders.folders)
    try:
        recipe = Recipe.model_validate(text.data, context=folders)
    except ValidationError as error:
        sections = [*(name for name in Recipe.model_fields if name != STAGES_FIELD), *STAGES.names()]
        raise RecipeError(text.path, describe(error, text, Recipe, section_class, sections)) from None
    if problems := [*loose_values(text.data, recipe), *problems_of(recipe)]:
        raise RecipeError(text.path, [with_origin(line, text) for line in problems])
    return recipe.in_folder(str(text.folders[0]) if text.folders else "")
