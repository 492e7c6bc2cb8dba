"""Verdicts without references: the log's outcome, a function, a judge with a rubric, a person's marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.test_clean import row
from understudy.models import Request
from understudy.pipeline import Outcome, load_recipe, run_recipe
from understudy.recipe.text import RecipeError
from understudy.records import Example, MarkVerdict, Score
from understudy.report import Labelling
from understudy.runs import read_jsonl

RECIPE = """\
name: labelled
tasks: {{}}
models:
  judge: {{kind: scripted, program: "tests.pipeline.test_labels:judge"}}
agents:
  student: {{kind: tool_calling}}
tools: {{search: null, functions: [{{function: "tests.pipeline.test_clean:get_order"}}]}}
grading: {grading}
sandbox: {{preload: []}}
imported:
  shop: {{path: {rows}}}
clean:
  shop: {{attempts: imported/shop, skip: [near_duplicates]}}
curate:
  student: {{rollouts: [clean/shop], agent: student}}
"""
RUBRIC = '{kind: rubric, model: judge, rubric: ["It names a day."]}'


def judge(request: Request) -> str:
    """A judge that looks for the day, and sometimes says nothing that can be read."""
    conversation = request.messages[-1].content
    if "mumble" in conversation:
        return "Hm."
    met = "Friday" in conversation
    return json.dumps({"criteria": [{"number": 1, "reason": "by its words", "met": met}]})


def exchange(order: str, answer: str, feedback: dict[str, object] | None = None) -> list[dict[str, object]]:
    """Log lines as the recorder writes them: a request with its response, and what was said of it later."""
    made = row(order, answer)
    *before, last = made["messages"]
    response = {"id": order, "model": "m", "choices": [{"index": 0, "message": last, "finish_reason": "stop"}]}
    line: dict[str, object] = {
        "request": {"model": "m", "messages": before, "tools": made["tools"]},
        "response": response,
        "conversation": order,
    }
    return [line, *([{"conversation": order, "feedback": feedback}] if feedback else [])]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    lines = [
        *exchange("A1", "On Friday."),
        *exchange("B2", "Soon."),
        *exchange("C3", "Some mumble."),
        *exchange("D4", "Soon, I think.", {"correct": True, "comment": "the customer was happy"}),
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def run(rows: Path, grading: str) -> dict[str, Outcome]:
    path = rows.with_name("recipe.yaml")
    path.write_text(RECIPE.format(rows=rows, grading=grading))
    return run_recipe(load_recipe(path), rows.with_name("run"), say=lambda _: None, quiet=True)


def verdicts(rows: Path, stage: str = "imported/shop") -> dict[str, tuple[str, bool | None]]:
    """By the answer: who judged, and how."""
    scores = read_jsonl(rows.with_name("run") / stage / "scores.jsonl", Score)
    return {one.answer or "": (one.grader, one.correct) for one in scores}


def test_outcomes_of_the_log_stand_and_a_judge_with_a_rubric_does_the_rest(rows: Path) -> None:
    run(rows, RUBRIC)
    expected = {
        "On Friday.": ("rubric", True),
        "Soon.": ("rubric", False),
        "Some mumble.": ("rubric", None),
        "Soon, I think.": ("imported", True),
    }
    assert verdicts(rows) == verdicts(rows, "clean/shop") == expected
    examples = list(read_jsonl(rows.with_name("run") / "curate/student/examples.jsonl", Example))
    assert {one.messages[-1].content for one in examples} == {"On Friday.", "Soon, I think."}


def test_a_persons_marks_outrank_the_log_and_another_grader_judges_the_rest(rows: Path) -> None:
    run(rows, RUBRIC)
    labelling = Labelling(rows.with_name("run"), "imported/shop")
    for item in labelling.sample().items:
        is_mine = item.row.answer in ("Soon.", "Soon, I think.")
        said = {"Soon.": MarkVerdict.RIGHT, "Soon, I think.": MarkVerdict.WRONG}
        labelling.mark(item.row.id, said[item.row.answer] if is_mine else MarkVerdict.SKIP)
    marks = f"{{kind: marks, path: run/marks.jsonl, otherwise: {RUBRIC}}}"
    assert set(run(rows, marks).values()) == {Outcome.DONE}
    expected = {
        "On Friday.": ("rubric", True),
        "Soon.": ("marks", True),
        "Some mumble.": ("rubric", None),
        "Soon, I think.": ("marks", False),
    }
    assert verdicts(rows) == verdicts(rows, "clean/shop") == expected, "also where cleaning has masked the messages"
    assert set(run(rows, marks).values()) == {Outcome.UNCHANGED}
    labelling.mark(labelling.sample().items[0].row.id, MarkVerdict.RIGHT)
    assert set(run(rows, marks).values()) == {Outcome.DONE}, "a new mark is a new setting"


def test_a_judge_that_the_recipe_does_not_name_is_refused_before_any_work(rows: Path) -> None:
    with pytest.raises(RecipeError, match=r"grading.model: .*'nobody'"):
        run(rows, '{kind: rubric, model: nobody, rubric: "Good."}')
    with pytest.raises(RecipeError, match=r"grading.path: .*expected a file or folder that exists"):
        run(rows, "{kind: marks, path: none.jsonl}")
