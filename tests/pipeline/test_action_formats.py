"""An action format named in a recipe reaches the agent, the examples, the masks and the report."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from understudy.agents.formats import ActionFormat, PartName, recorded_format
from understudy.pipeline import load_recipe, run_recipe
from understudy.records import Example, Role
from understudy.report import show_run, write_report
from understudy.report.masks import text_amounts
from understudy.rollouts import read_trajectories
from understudy.runs import read_jsonl

OWN = "tests.agents.own_agents:Shouted"
RECIPE = """\
name: formats
tasks:
  train: {name: toy, split: train, limit: 6}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  teacher:
    {kind: scripted, program: "tests.agents.own_agents:teacher", options: {action_format: "TEACHER"}}
agents:
  teacher: {kind: code_agent, prompts: minimal, action_format: "TEACHER"}
  student: {kind: code_agent, prompts: brief, action_format: "STUDENT"}
rollout:
  teacher: {tasks: [train], model: teacher, agent: teacher}
curate:
  student: {rollouts: [teacher], agent: student, weights: {thought: 0.5, code: 1, final: 2}}
"""


def run(tmp_path: Path, teacher: str, student: str) -> Path:
    path = tmp_path / "formats.yaml"
    path.write_text(RECIPE.replace("TEACHER", teacher).replace("STUDENT", student))
    run_recipe(load_recipe(path), tmp_path / "run", say=lambda _: None, quiet=True)
    return tmp_path / "run"


def written_in(text: str, action_format: ActionFormat) -> bool:
    parsed = action_format.parse(text)
    return parsed.code is not None and action_format.render(parsed.thought, parsed.code) == text


@pytest.mark.parametrize(
    ("teacher", "student"), [("code_tags", "code_tags"), (OWN, OWN), ("code_fence", "code_tags"), (OWN, "code_fence")]
)
def test_a_recipe_names_the_format(tmp_path: Path, teacher: str, student: str) -> None:
    run_dir = run(tmp_path, teacher, student)
    teachers, students = recorded_format(teacher), recorded_format(student)
    trajectories = list(read_trajectories(run_dir / "rollout/teacher/trajectories.jsonl"))
    assert all(one.answer == one.task.answer for one in trajectories)
    for trajectory in trajectories:
        replies = [message.content for message in trajectory.messages if message.role is Role.ASSISTANT]
        assert all(written_in(reply, teachers) for reply in replies)
        assert type(recorded_format(trajectory.action_format)) is type(teachers)
    examples = list(read_jsonl(run_dir / "curate/student/examples.jsonl", Example))
    assert len(examples) == 6
    for example in examples:
        assert type(recorded_format(example.action_format)) is type(students)
        assert students.render("", "# your code") in example.messages[0].content
        for span in example.spans:
            message = example.messages[span.message_index].content
            assert written_in(message, students)
            names = {part.name: part for part in students.parts(message)}
            weights = {PartName.THOUGHT: 0.5, PartName.ACTION: 1.0, PartName.ANSWER: 2.0}
            assert (span.start, span.end, span.weight) in {
                (part.start, part.end, weights[name]) for name, part in names.items()
            }
    amounts = {one.part: one.trained for one in text_amounts(examples)}
    assert min(amounts["thought"], amounts["code"]) > 100
    assert "final_answer" in shown(run_dir, "rollout/teacher")
    assert write_report(run_dir).stat().st_size > 10_000


def shown(run_dir: Path, what: str) -> str:
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(show_run(run_dir, what))
    return console.export_text()
