"""The folder of a container: its file says what it installs and starts, and its recipe serves the agent."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from understudy.annotations import in_package
from understudy.cli.app import app
from understudy.export import EXPORTERS, Student
from understudy.export.container import serving_recipe, start_command
from understudy.models import Request, open_model
from understudy.pipeline import load_recipe
from understudy.records import Message, Role
from understudy.training import Method, StudentCard

RECIPE = {
    "models": {"base": {"kind": "local", "path": "base"}, "user": {"kind": "scripted", "program": "a:b"}},
    "retrieval": {"kind": "memory", "corpus": "toy"},
    "tools": {"search": {"k": 1, "shape": "brief"}},
    "environment": None,
    "rollout": {"teacher": {}},
}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Student:
    checkpoint = tmp_path_factory.mktemp("student") / "checkpoint"
    base = in_package("package:understudy/demo/base")
    shutil.copytree(base, checkpoint)
    card = StudentCard(base=base, method=Method.FULL, is_adapter=False, digest="0", n_steps=1, n_trainable=1)
    (checkpoint / "student.json").write_text(card.model_dump_json())
    return Student(
        name="train/clerk",
        checkpoint=checkpoint,
        agent={"kind": "code_agent", "prompts": "minimal"},
        recipe=RECIPE,
        outside=("the code shop.tools:refund",),
        prompts=((Message(role=Role.USER, content="2 + 2?"),),),
    )


@pytest.fixture(scope="module")
def folder(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("container")
    sentences = list(EXPORTERS.open(EXPORTERS.validate("container")).write(student, made))
    assert "The recipe of the run names the code shop.tools:refund" in " ".join(sentences)
    return made


def test_the_recipe_is_that_of_the_agent_with_the_weights_beside_it(
    student: Student, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    recipe = load_recipe(Path("recipe.yaml"))
    assert recipe.tools.search is not None
    assert recipe.tools.search.k == 1
    assert [recipe.config(ref).label for ref in recipe.stages_of("evaluate")] == ["clerk"]
    with open_model(recipe.models["student"]) as model:
        (reply,) = model.complete(Request((Message(role=Role.USER, content="x"),), max_tokens=3))
    assert reply.text is not None
    assert set(recipe.models) == {"student"}


def test_a_model_that_plays_the_user_is_kept(student: Student) -> None:
    with_user = student.model_copy(update={"recipe": {**RECIPE, "user": {"model": "user"}}})
    assert set(serving_recipe(with_user)["models"]) == {"student", "user"}


def test_the_start_command_can_be_typed(student: Student) -> None:
    import typer.main

    _, name, *words = start_command(student)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words)


def test_the_file_installs_and_starts(student: Student, folder: Path) -> None:
    lines = (folder / "Containerfile").read_text().splitlines()
    verbs = [line.split()[0] for line in lines if line and not line.startswith("#")]
    assert verbs[0] == "FROM"
    assert verbs[-1] == "CMD"
    assert verbs.index("COPY") < verbs.index("USER"), "what is copied belongs to the user that runs it"
    assert set(verbs) <= {"FROM", "ARG", "RUN", "WORKDIR", "COPY", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "CMD"}
    pinned = (folder / "requirements.txt").read_text().split()
    assert all(line.count("==") == 1 and "+" not in line for line in pinned)
    assert {"torch", "transformers", "starlette"} <= {line.partition("==")[0] for line in pinned}
    shell = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    assert all(subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0 for line in shell)
