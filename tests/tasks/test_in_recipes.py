"""Task sets of a recipe: files and modules are found beside the recipe, from any working directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.pipeline import load_recipe
from understudy.recipe import RecipeError
from understudy.tasks import load_tasks

RECIPE = """\
name: own
tasks:
  file: {path: data/questions.jsonl}
  code: {kind: "shop_of_tests:refunds", database: other.db, limit: 1}
models: {}
agents: {}
"""
MODULE = """\
def refunds(database="orders.db"):
    yield {"question": f"How many refunds are in {database}?"}
    yield {"question": "Who asked for one?", "answer": "Ms Moreau"}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A folder with a recipe, a module and a file; it is not the working directory."""
    folder = tmp_path / "experiment"
    (folder / "data").mkdir(parents=True)
    (folder / "shop_of_tests.py").write_text(MODULE)
    (folder / "data" / "questions.jsonl").write_text('{"question": "Who?", "answer": null}')
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder / "recipe.yaml"


def test_files_and_modules_lie_beside_the_recipe(recipe: Path) -> None:
    sets = load_recipe(recipe).tasks
    assert [task.question for task in load_tasks(sets["file"]).tasks] == ["Who?"]
    (drawn,) = load_tasks(sets["code"]).tasks
    assert drawn.question in ("How many refunds are in other.db?", "Who asked for one?")


def test_what_is_not_there_is_refused_with_line_and_places(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("questions.jsonl", "nosuch.jsonl").replace("limit: 1", "limt: 1"))
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe)
    message = str(caught.value)
    assert "line 3: tasks.file.path: expected a file or folder that exists" in message
    assert f"in {recipe.parent} and in {Path.cwd()}" in message
    assert "line 4: tasks.code.limt: unknown key: did you mean `limit`?" in message


def test_the_former_meaning_of_kind_is_named(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("questions.jsonl}", "questions.jsonl, kind: math}"))
    with pytest.raises(RecipeError, match=r"line 3: tasks\.file: .* is `task_kind: math`"):
        load_recipe(recipe)
