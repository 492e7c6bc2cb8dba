"""Each kind of part is added from outside: a recipe names one file of a user, and no file of the package changes.

The files and the lines of the recipes are those of ``docs/extend.md``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from understudy.pipeline import load_recipe, run_recipe
from understudy.recipe import RecipeError
from understudy.records import Example, Message, Score, StageRecord, Trajectory
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """\
name: outside
tasks: {few: {name: toy, split: train, limit: 3}}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models: {teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher"}}
agents: {agent: {kind: code_agent, prompts: minimal}}
rollout: {all: {tasks: [few], model: teacher, agent: agent}}
"""


@dataclass(frozen=True)
class Run:
    """What the run of a recipe left."""

    folder: Path

    @property
    def attempts(self) -> list[Trajectory]:
        return sorted(read_trajectories(self.folder / "rollout/all/trajectories.jsonl"), key=lambda one: one.id)

    @property
    def scores(self) -> list[Score]:
        found = read_jsonl(self.folder / "rollout/all/scores.jsonl", Score)
        return sorted(found, key=lambda score: score.trajectory_id)

    def stage(self, name: str) -> StageRecord:
        return StageRecord.model_validate_json((self.folder / name / "stage.json").read_bytes())


def sections() -> Iterator[tuple[str, str, str]]:
    """Heading, module, and lines of the recipe of each example."""
    page = (ROOT / "docs/extend.md").read_text()
    for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.S | re.M):
        for module, lines in re.findall(r"^```python\n(.*?)^```$.*?^```yaml\n(.*?)^```$", text, re.S | re.M):
            yield heading, module, lines


def graded_by_a_function(run: Run) -> None:
    assert {score.grader for score in run.scores} == {"own:searched_once"}
    # A sum takes no search, one hop takes one, two hops take two.
    assert sorted(score.explanation for score in run.scores) == ["0 searches", "1 searches", "2 searches"]
    assert sum(score.correct is True for score in run.scores) == 1


def graded_by_a_class(run: Run) -> None:
    by_steps = {len(one.steps): score.value for one, score in zip(run.attempts, run.scores, strict=True)}
    assert by_steps == {2: 0.75, 3: 0.5}
    assert run.stage("rollout/all").settings["grading"]["max_steps"] == 4  # type: ignore[index,call-overload]


def asked_of_a_function(run: Run) -> None:
    assert len(run.attempts) == 3
    assert {one.task.question for one in run.attempts} <= {f"{n} + 1?" for n in range(5)}
    assert {one.task.source for one in run.attempts} == {"own:sums"}


def attempted_by_a_class(run: Run) -> None:
    assert {(one.agent, len(one.messages), len(one.steps)) for one in run.attempts} == {("direct", 2, 1)}
    assert all(one.answer == one.messages[-1].content.splitlines()[-1] for one in run.attempts)


def written_in_its_format(run: Run) -> None:
    assert {(one.action_format, one.answer) for one in run.attempts} == {("own:Arrow", "7")}
    assert {one.messages[2].content for one in run.attempts} == {"I know it. => final_answer(7)"}


def searched_by_a_function(run: Run) -> None:
    searched = [one for one in run.attempts if any(call.is_search for step in one.steps for call in step.tool_calls)]
    assert searched
    assert all(one.messages[3].content == "There is no such note." for one in searched)


def answered_by_a_class(run: Run) -> None:
    assert {(one.model, one.answer, one.usage.requests) for one in run.attempts} == {("own:Constant", "7", 1)}


def called_a_function(run: Run) -> None:
    assert {one.answer for one in run.attempts} == {"3000"}
    assert {call.name for one in run.attempts for step in one.steps for call in step.tool_calls} == {"population"}


def passed_through_a_stage(run: Run) -> None:
    # The sum and the one hop take two steps, the two hops take three.
    assert run.stage("brief/short").counts == {"kept": 2, "dropped": 1}
    assert run.stage("curate/short").inputs.keys() == {"brief/short"}
    examples = list(read_jsonl(run.folder / "curate/short/examples.jsonl", Example))
    assert {one.stage for one in examples} == {"brief/short"}
    assert isinstance(examples[0].messages[0], Message)


def cleaned_by_functions(run: Run) -> None:
    counts = run.stage("clean/few").counts
    assert (counts["trajectories"], counts["kept"], counts["dropped_takes_thought"]) == (3, 1, 2)
    (kept,) = read_trajectories(run.folder / "clean/few/trajectories.jsonl")
    assert "founder of [NAMES_1]" in kept.task.question
    assert "Bulennon" not in kept.model_dump_json()


CAME_TO: list[Callable[[Run], None]] = [
    graded_by_a_function,
    graded_by_a_class,
    asked_of_a_function,
    attempted_by_a_class,
    written_in_its_format,
    searched_by_a_function,
    answered_by_a_class,
    called_a_function,
    passed_through_a_stage,
    cleaned_by_functions,
]


def tree() -> dict[str, bytes]:
    """All files of the package."""
    package = ROOT / "src" / "understudy"
    return {str(path): path.read_bytes() for path in package.rglob("*") if path.suffix in (".py", ".yaml")}


@pytest.fixture
def forget_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test have a module ``own`` of its own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("own", None)
    yield
    sys.modules.pop("own", None)
    from understudy.pipeline.kinds import groups

    for group in groups():
        for kind in [kind for kind in group._configs if kind.startswith("own:")]:
            del group._configs[kind]


def test_every_example_of_the_page_is_here() -> None:
    assert len(list(sections())) == len(CAME_TO)


@pytest.mark.usefixtures("forget_own")
@pytest.mark.parametrize(
    ("module", "lines", "came_to"),
    [(module, lines, came_to) for (_, module, lines), came_to in zip(sections(), CAME_TO, strict=False)],
    ids=[came_to.__name__ for came_to in CAME_TO],
)
def test_a_part_is_one_file_and_lines_of_a_recipe(
    module: str, lines: str, came_to: Callable[[Run], None], tmp_path: Path
) -> None:
    ours = tree()
    (tmp_path / "own.py").write_text(module)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({**yaml.safe_load(RECIPE), **yaml.safe_load(lines)}))
    run_recipe(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run", say=lambda _: None, quiet=True)
    came_to(Run(tmp_path / "run"))
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".py"} == {"own.py"}
    assert tree() == ours


PART_WITH_OPTIONS = """\
from typing import ClassVar

from pydantic import BaseModel

from understudy.pipeline import Counts, Stage


class Options(BaseModel):
    times: int = 1


class Part:
    Config = Options
    complete = grade = parse = render = search = solve = print


class Step(Stage[Options]):
    kind = "step"
    Config: ClassVar = Options

    def run(self) -> Counts:
        return {}
"""
WRONG_OPTIONS = {
    "grading.times": 'grading: {kind: "own:Part", times: soon}',
    "tasks.few.times": 'tasks: {few: {kind: "own:Part", times: soon}}',
    "models.teacher.times": 'models: {teacher: {kind: "own:Part", times: soon}}',
    "agents.agent.times": 'agents: {agent: {kind: "own:Part", times: soon}}',
    "agents.agent.action_format.times": (
        'agents: {agent: {kind: code_agent, action_format: {kind: "own:Part", times: soon}}}'
    ),
    "retrieval.times": 'retrieval: {kind: "own:Part", times: soon}',
    "own:Step.first.times": '"own:Step": {first: {times: soon}}',
}


@pytest.mark.usefixtures("forget_own")
@pytest.mark.parametrize(("key", "line"), WRONG_OPTIONS.items(), ids=WRONG_OPTIONS)
def test_a_wrong_option_of_any_part_is_named_with_its_line_and_key(key: str, line: str, tmp_path: Path) -> None:
    sections = {name: value for name, value in yaml.safe_load(RECIPE).items() if name not in yaml.safe_load(line)}
    above = yaml.safe_dump(sections)
    (tmp_path / "own.py").write_text(PART_WITH_OPTIONS)
    (tmp_path / "recipe.yaml").write_text(above + line + "\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(tmp_path / "recipe.yaml")
    (problem,) = [one for one in refused.value.problems if key in one]
    assert f"line {above.count(chr(10)) + 1}" in problem
    assert "integer" in problem
    assert "soon" in problem


def test_a_package_announces_short_names(tmp_path: Path) -> None:
    """A distribution without an installer: a module, and the two files that say what it announces."""
    sources = {heading: module for heading, module, _ in reversed(list(sections()))}
    (tmp_path / "own.py").write_text(sources["A grader"])
    info = tmp_path / "own_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[understudy.graders]\nsearched_once = own:searched_once\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE + "grading: searched_once\n")
    command = [sys.executable, "-m", "understudy"]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    listed = subprocess.run([*command, "kinds"], env=environment, capture_output=True, text=True, check=True).stdout
    assert re.search(r"searched_once\s+Right is an answer that took one search\.\s+own-parts", listed)
    subprocess.run(
        [*command, "run", str(tmp_path / "recipe.yaml"), "--run-dir", str(tmp_path / "run")],
        env=environment,
        check=True,
        capture_output=True,
    )
    assert {score.grader for score in Run(tmp_path / "run").scores} == {"searched_once"}
