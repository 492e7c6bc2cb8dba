"""Imported conversations are cleaned before they are curated, from a recipe and from a notebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.curation.cleaning.conversations import TOOLS
from understudy import clean, curate
from understudy.curation import Finding, ImportConfig, Replacement, import_trajectories
from understudy.models import Request
from understudy.pipeline import Outcome, Recipe, load_recipe, run_recipe
from understudy.pipeline.context import RunContext
from understudy.records import Completion, Example, FinishReason, Score, Trajectory
from understudy.runs import read_jsonl

RECIPE = """\
name: cleaned
tasks: {{}}
models:
  teacher: {{kind: scripted, program: "tests.pipeline.test_clean:write_better"}}
agents:
  student: {{kind: tool_calling}}
tools: {{search: null, functions: [{{function: "tests.pipeline.test_clean:get_order"}}]}}
grading: {{kind: "tests.pipeline.test_clean:says_friday"}}
sandbox: {{preload: []}}
imported:
  shop: {{path: {rows}}}
clean:
  shop: {{attempts: imported/shop{more}}}
curate:
  student: {{rollouts: [clean/shop], agent: student}}
"""


def get_order(order_id: str, n: int = 0) -> str:
    """Look up an order."""
    return f"{order_id} {n}"


def says_friday(trajectory: Trajectory) -> bool:
    """Right is an answer that names the day."""
    return "Friday" in (trajectory.answer or "")


def write_better(request: Request) -> Completion:
    """A teacher that knows the day."""
    assert request.tool_choice == "none"
    return Completion(text="It arrives on Friday.", finish_reason=FinishReason.STOP)


def row(order: str, answer: str, tool: str = "get_order") -> dict[str, Any]:
    call = {"id": "1", "type": "function", "function": {"name": tool, "arguments": json.dumps({"order_id": order})}}
    tools = [{"type": "function", "function": one.model_dump(mode="json")} for one in TOOLS]
    messages = [
        {"role": "user", "content": f"Where is order {order}? I am a{order}@example.org"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "shipped"},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "tools": tools}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    made = [
        row("A1", "On Friday."),
        row("B2", "On Friday, thanks."),
        row("C3", "I do not know."),
        row("D4", "On Friday", "lookup"),
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in made))
    return path


def recipe_of(rows: Path, more: str = "") -> Recipe:
    path = rows.with_name("recipe.yaml")
    path.write_text(RECIPE.format(rows=rows, more=more))
    return load_recipe(path)


def run_quietly(recipe: Recipe, run_dir: Path) -> dict[str, Outcome]:
    return run_recipe(recipe, run_dir, say=lambda _: None, quiet=True)


def test_a_curation_takes_what_is_clean_with_the_scores_of_the_import(rows: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    recipe = recipe_of(rows)
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.DONE}
    folder = run_dir / "clean" / "shop"
    findings = list(read_jsonl(folder / "findings.jsonl", Finding))
    assert sorted(one.reason for one in findings) == ["personal_email"] * 3 + ["unknown_tool"]
    imported = {one.trajectory_id: one for one in read_jsonl(run_dir / "imported/shop/scores.jsonl", Score)}
    kept = list(read_jsonl(folder / "scores.jsonl", Score))
    assert [imported[one.trajectory_id] for one in kept] == kept
    examples = list(read_jsonl(run_dir / "curate/student/examples.jsonl", Example))
    assert len(examples) == 2
    assert all("[EMAIL_1]" in one.model_dump_json() and "@" not in one.model_dump_json() for one in examples)
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}


def test_other_checks_make_another_stage(rows: Path, tmp_path: Path) -> None:
    run_quietly(recipe_of(rows), tmp_path / "run")
    again = recipe_of(rows, ', skip: [tools], checks: ["tests.curation.cleaning.own_checks:no_refunds"]')
    outcomes = run_quietly(again, tmp_path / "run")
    assert outcomes == {
        "imported/shop": Outcome.UNCHANGED,
        "clean/shop": Outcome.DONE,
        "curate/student": Outcome.DONE,
    }
    assert len(list(read_jsonl(tmp_path / "run/clean/shop/trajectories.jsonl", Trajectory))) == 4


def test_a_teacher_writes_wrong_replies_again_and_they_are_graded_again(rows: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run_recipe(recipe_of(rows, ", relabel: {model: teacher}"), tmp_path / "run", say=said.append, quiet=True)
    folder = tmp_path / "run" / "clean" / "shop"
    (made,) = read_jsonl(folder / "relabelled.jsonl", Replacement)
    assert (made.before.content, made.after.content) == ("I do not know.", "It arrives on Friday.")
    assert made.score is not None
    assert made.score.correct is False
    assert all(one.correct for one in read_jsonl(folder / "scores.jsonl", Score))
    assert any("changed relabelled 1" in line for line in said), said


def test_replies_of_a_teacher_outlive_a_kill(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, stage = recipe_of(rows, ", relabel: {model: teacher}"), "understudy.pipeline.stages.clean"
    with monkeypatch.context() as patch:
        patch.setattr(f"{stage}.grade_stage", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_quietly(recipe, tmp_path / "run")
    teacher = Mock(complete=Mock(side_effect=AssertionError("asked again")))
    monkeypatch.setattr(RunContext, "open_model", lambda context, name: teacher)
    assert run_quietly(recipe, tmp_path / "run")["clean/shop"] is Outcome.DONE
    (made,) = read_jsonl(tmp_path / "run/clean/shop/relabelled.jsonl", Replacement)
    assert made.after.content == "It arrives on Friday."


def test_nothing_left_is_an_error_with_the_reasons(rows: Path, tmp_path: Path) -> None:
    recipe = recipe_of(rows, ", checks: [{kind: personal_data, action: drop}]")
    with pytest.raises(Exception, match=r"(?s)clean/shop: nothing is left; 0 of 4 trajectories kept.*personal email"):
        run_quietly(recipe, tmp_path / "run")


def test_in_a_notebook(rows: Path) -> None:
    cleaned = clean(import_trajectories(ImportConfig(path=rows)).attempts, checks=[{"kind": "loops", "times": 5}])
    assert len(cleaned) == 3
    assert "dropped: unknown tool" in str(cleaned.summary)
    assert len(curate(cleaned, filters=("parseable",)).examples) == 3
    with pytest.raises(ValueError, match=r"clean: .*skip: expected some of tools.*got 'all'"):
        clean([], skip=["all"])
    again = clean(cleaned, teacher=write_better, relabel={"which": "all"})
    assert len(again.replacements) == 3
