"""Fingerprints of stages: every setting that results depend on counts, wherever the recipe states it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.small_recipe import small_recipe
from understudy.pipeline.loading import load_recipe
from understudy.pipeline.settings import fingerprint_of, settings_of
from understudy.records import StageRef

PARTS = """
from typing import Annotated
from pydantic import BaseModel, Field
from understudy.annotations import InputPath, ModelRef
class Inner(BaseModel):
    files: list[InputPath] = []
class Judge:
    version = 1
    name = "own"
    class Config(BaseModel):
        words: set[str] = set()
        files: tuple[InputPath, ...] = ()
        by_name: dict[str, InputPath] = {}
        inner: Inner = Inner()
        unwritten: Annotated[str, Field(exclude=True)] = ""
        second: dict[str, ModelRef] = {}
    def __init__(self, config): pass
    def grade(self, trajectory): ...
"""
FILES = {
    "own20_tools.py": "from own20_shop import db\ndef price(item: str) -> int:\n    'Its price.'\n"
    "    return db.look(item)\n",
    "own20_shop/__init__.py": "",
    "own20_shop/db.py": "from .prices import ALL\ndef look(item): return ALL[item]\n",
    "own20_shop/prices.py": "ALL = {'pen': 1}\n",
    "own20_shop/__main__.py": "from own20_shop import db\n",
    "own20_server.py": "print(1)\n",
    "own20_parts.py": PARTS,
    "words.txt": "one\n",
}
PROGRAM = {"kind": "scripted", "program": "understudy.tasks.toy:toy_teacher", "options": {"error_rate": 0.1}}
CHILD = """
import json, sys
from pathlib import Path
from understudy.pipeline.loading import load_recipe
from understudy.pipeline.settings import settings_of
from understudy.records import StageRef
print(json.dumps(settings_of(load_recipe(Path("recipe.yaml")), StageRef.parse("evaluate/teacher")), sort_keys=True))
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in [name for name in sys.modules if name.startswith("own20")]:
        monkeypatch.delitem(sys.modules, name)
    data: dict[str, Any] = yaml.safe_load(small_recipe(5))
    data["models"] |= {"judge": PROGRAM, "player": PROGRAM}
    return data


def with_changed(data: dict[str, Any], key: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    *path, last = key.split(".")
    place = changed
    for name in path:
        place = place.setdefault(name, {})
    place[last] = value
    return changed


def fingerprint(data: dict[str, Any], stage: str = "evaluate/teacher") -> str:
    Path("recipe.yaml").write_text(yaml.safe_dump(data))
    return fingerprint_of(settings_of(load_recipe(Path("recipe.yaml")), StageRef.parse(stage)), {})


@pytest.mark.parametrize("stage", ["rollout/teacher", "evaluate/teacher"])
@pytest.mark.parametrize("model", ["teacher", "judge", "player"])
def test_each_model_counts_where_a_judge_and_a_user_have_one_too(
    recipe: dict[str, Any], model: str, stage: str
) -> None:
    both = with_changed(recipe, "grading", {"kind": "judge", "model": "judge"})
    both = with_changed(both, "user", {"model": "player"})
    for data in (both, with_changed(both, "grading", {"kind": "rubric", "model": "judge", "rubric": "Is it polite?"})):
        other = with_changed(data, f"models.{model}.options", {"error_rate": 0.9})
        assert fingerprint(data, stage) != fingerprint(other, stage)
    without = with_changed(both, "grading", {"kind": "judge", "model": "teacher"})
    assert fingerprint(both, stage) != fingerprint(without, stage)


FUNCTION = {"tools": {"functions": [{"function": "own20_tools:price"}]}}


@pytest.mark.parametrize(
    ("sections", "file"),
    [
        (FUNCTION, "own20_tools.py"),
        (FUNCTION, "own20_shop/db.py"),
        (FUNCTION, "own20_shop/prices.py"),
        ({"tools": {"mcp": [{"command": ["python", "own20_server.py"]}]}}, "own20_server.py"),
        ({"tools": {"mcp": [{"command": ["python", "-m", "own20_shop"]}]}}, "own20_shop/prices.py"),
        ({"tools": {"mcp": [{"command": ["python", "-m", "own20_shop.db"]}]}}, "own20_shop/db.py"),
        ({"grading": {"kind": "own20_parts:Judge", "files": ["words.txt"]}}, "words.txt"),
        ({"grading": {"kind": "own20_parts:Judge", "by_name": {"x": "words.txt"}}}, "words.txt"),
        ({"grading": {"kind": "own20_parts:Judge", "inner": {"files": ["words.txt"]}}}, "words.txt"),
    ],
)
def test_edited_files_count(recipe: dict[str, Any], sections: dict[str, Any], file: str) -> None:
    data = recipe | sections
    before = fingerprint(data)
    assert fingerprint(data) == before
    Path(file).write_text(FILES[file] + "# edited\n")
    assert fingerprint(data) != before


def test_what_no_part_imports_does_not_count(recipe: dict[str, Any]) -> None:
    data = recipe | FUNCTION
    before = fingerprint(data)
    Path("own20_server.py").write_text("print(2)\n")
    Path("own20_shop/__main__.py").write_text("")
    assert fingerprint(data) == before


def test_models_in_a_mapping_of_a_users_config_count(recipe: dict[str, Any]) -> None:
    data = with_changed(recipe, "grading", {"kind": "own20_parts:Judge", "second": {"strict": "judge"}})
    assert fingerprint(data) != fingerprint(with_changed(data, "models.judge.options", {"error_rate": 0.9}))


def test_a_field_that_is_not_written_counts(recipe: dict[str, Any]) -> None:
    data = [with_changed(recipe, "grading", {"kind": "own20_parts:Judge", "unwritten": word}) for word in "ab"]
    assert fingerprint(data[0]) != fingerprint(data[1])


def test_a_set_of_texts_is_the_same_in_every_process(recipe: dict[str, Any]) -> None:
    data = with_changed(recipe, "grading", {"kind": "own20_parts:Judge", "words": list("abcdefgh")})
    Path("recipe.yaml").write_text(yaml.safe_dump(data))
    found = []
    for seed in "12":
        child = subprocess.run(
            [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        )
        found.append(json.loads(child.stdout))
    assert found[0] == found[1]
