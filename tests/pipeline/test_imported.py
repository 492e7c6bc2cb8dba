"""A recipe without a teacher begins with attempts that were made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.curation import RefusalReason, RefusedRow
from understudy.pipeline import Outcome, Recipe, grade_run, load_recipe, run_recipe
from understudy.records import Dropped, DropReason, Example, Role, Score, StageRecord
from understudy.runs import read_jsonl, read_record

RECIPE = """\
name: imported
tasks: {{}}
models: {{}}
agents:
  agent: {{kind: code_agent, prompts: minimal}}
sandbox: {{preload: []}}
imported:
  released: {{path: {rows}, task_kind: fact}}
curate:
  agent: {{rollouts: [imported/released], agent: agent}}
"""


def memory(task: str, answer: str) -> list[dict[str, object]]:
    """Steps as smolagents' ``get_succinct_steps`` gives them."""
    search = f"print(web_search({task!r}))"
    replies = [(search, f"Execution logs:\\n{answer}", False), (f"final_answer({answer!r})", "Execution logs:", True)]
    steps: list[dict[str, object]] = [{"task": task, "task_images": None}]
    for number, (code, observed, is_final) in enumerate(replies, 1):
        steps.append(
            {
                "step_number": number,
                "model_output": f"Thought: step {number}.\n<code>\n{code}\n</code>",
                "code_action": code,
                "observations": observed,
                "action_output": answer if is_final else None,
                "is_final_answer": is_final,
                "error": None,
            }
        )
    return steps


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Graded there, to be graded here, wrong, and not to be graded at all."""
    path = tmp_path / "rows.jsonl"
    lines = [
        {"answer": "Christiania", "score": 1, "steps": memory("Capital of Norway?", "Oslo")},
        {"answer": "Stockholm", "steps": memory("Capital of Sweden?", "Stockholm")},
        {"answer": "Helsinki", "steps": memory("Capital of Finland?", "Turku")},
        {"steps": memory("Capital of Denmark?", "Copenhagen")},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def recipe(tmp_path: Path, rows: Path) -> Recipe:
    path = tmp_path / "imported.yaml"
    path.write_text(RECIPE.format(rows=rows))
    return load_recipe(path)


def run_quietly(recipe: Recipe, run_dir: Path) -> dict[str, Outcome]:
    return run_recipe(recipe, run_dir, say=lambda _: None, quiet=True)


def verdicts(run_dir: Path) -> list[tuple[str, bool | None]]:
    scores = read_jsonl(run_dir / "imported" / "released" / "scores.jsonl", Score)
    return [(one.grader, one.correct) for one in scores]


def test_imported_attempts_become_examples_with_the_students_initial_messages(recipe: Recipe, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    assert run_quietly(recipe, run_dir) == {"imported/released": Outcome.DONE, "curate/agent": Outcome.DONE}
    assert verdicts(run_dir) == [
        ("imported", True),
        ("exact_match", True),
        ("exact_match", False),
        ("exact_match", None),
    ]
    examples = list(read_jsonl(run_dir / "curate" / "agent" / "examples.jsonl", Example))
    assert {one.messages[2].content for one in examples} == {
        f"Thought: step 1.\nCode:\n```py\nprint(web_search({task!r}))\n```<end_code>"
        for task in ("Capital of Norway?", "Capital of Sweden?")
    }
    for one in examples:
        assert [message.role for message in one.messages[:3]] == [Role.SYSTEM, Role.USER, Role.ASSISTANT]
        assert one.messages[0].content == "Answer with thoughts and Python code.", "its own opening, not the teacher's"
    dropped = list(read_jsonl(run_dir / "curate" / "agent" / "dropped.jsonl", Dropped))
    assert sorted(one.reason for one in dropped) == [DropReason.INCORRECT, DropReason.NOT_SCORED]
    assert (run_dir / "report.html").stat().st_size > 1000
    assert set(run_quietly(recipe, run_dir).values()) == {Outcome.UNCHANGED}


def test_a_file_that_has_changed_is_imported_again(recipe: Recipe, rows: Path, tmp_path: Path) -> None:
    run_quietly(recipe, tmp_path / "run")
    rows.write_text(rows.read_text().splitlines()[0] + "\n")
    assert set(run_quietly(recipe, tmp_path / "run").values()) == {Outcome.DONE}
    assert verdicts(tmp_path / "run") == [("imported", True)]


def test_grading_again_replaces_the_files_scores_where_there_is_a_reference(recipe: Recipe, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_quietly(recipe, run_dir)
    said = list(grade_run(recipe, run_dir, again=True, quiet=True))
    assert any("imported/released: 4 graded, 1 of 4 verdicts changed" in line for line in said), said
    assert [correct for _, correct in verdicts(run_dir)] == [False, True, False, None]


def test_a_file_that_is_missing_empty_or_wrong_is_an_error(recipe: Recipe, rows: Path, tmp_path: Path) -> None:
    rows.write_text("")
    with pytest.raises(ValueError, match=r"rows\.jsonl: expected trajectories, it holds no rows"):
        run_quietly(recipe, tmp_path / "run")
    rows.write_text('{"steps": [{"robot": 1}]}\n')
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 1: steps\.0: .*got robot"):
        run_recipe(recipe, tmp_path / "run", restart=True, say=lambda _: None, quiet=True)
    rows.unlink()
    with pytest.raises(FileNotFoundError, match=r"rows\.jsonl: there is no such file"):
        run_quietly(recipe, tmp_path / "run")


def test_an_odd_row_is_counted_and_named(recipe: Recipe, rows: Path, tmp_path: Path) -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    odd = [
        {"messages": [picture, {"role": "assistant", "content": "A"}]},
        {"score": "maybe", "steps": memory("Q?", "A")},
    ]
    rows.write_text(rows.read_text() + "".join(json.dumps(row) + "\n" for row in odd))
    said: list[str] = []
    run_recipe(recipe, tmp_path / "run", say=said.append, quiet=True)
    folder = tmp_path / "run" / "imported" / "released"
    refused = list(read_jsonl(folder / "refused.jsonl", RefusedRow))
    assert [(one.place.rpartition(", ")[2], one.reason) for one in refused] == [
        ("line 5", RefusalReason.NOT_PLAIN_TEXT),
        ("line 6", RefusalReason.ODD_SCORE),
    ]
    assert any("imported/released: 2 of 6 rows were refused" in line for line in said), said
    counts = read_record(folder / "stage.json", StageRecord).counts
    assert (counts["attempts"], counts["refused_not_plain_text"], counts["refused_odd_score"]) == (4, 1, 1)
