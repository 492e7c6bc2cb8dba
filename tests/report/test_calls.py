"""Tool calls in the report: the tools, the arguments, the results, and the parts that are trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import OpenPage
from tests.curation.test_calls import attempt, call, example
from tests.report.test_browser import address, said
from tests.report.test_terminal import printed
from understudy.records import Candidate, ToolCall, Trajectory
from understudy.report import show_trajectory, write_report
from understudy.report.masks import character_mask, text_amounts
from understudy.report.rows import row_of_trajectory


def searched() -> Trajectory:
    """A step with two calls, one of which failed, and code of two lines."""
    made = (
        ToolCall(name="search", arguments='{"q": "Norway"}', is_search=True, cached=True),
        ToolCall(name="search", arguments="{}", error="no such page", is_search=True),
    )
    candidate = Candidate(reply="I look.", tool_calls=(call(1, q="Norway"),), observation="Oslo", chosen=True, vote=0)
    return attempt(call(1, q="Norway"), call(2, code="x = 1\nprint(x)"), tool_calls=made, candidates=(candidate,))


def test_rows_count_searches_of_calls() -> None:
    row = row_of_trajectory(0, searched(), ())
    assert (row.n_searches, row.n_steps, row.answer) == (2, 2, "Oslo")


def test_the_terminal_shows_calls_and_results() -> None:
    text = printed(show_trajectory(searched()))
    assert '→ search {"q": "Norway"}' in text
    assert "result of c1" in text
    assert "no such page" in text


def test_without_a_tokenizer_calls_are_part_of_the_mask() -> None:
    mask = character_mask(example(searched()))
    weights = dict(zip(mask.texts, mask.weights, strict=True))
    assert weights['\nsearch {"q": "Norway"}'] == 1.0
    assert weights["result of c1"] == 0.0
    assert weights["I look."] == 1.0


def test_calls_and_final_text_are_amounts_of_action() -> None:
    amounts = {one.part: (one.trained, one.read) for one in text_amounts([example(attempt(call(1, q="a")))])}
    assert amounts["thought"] == (7, 0)
    assert amounts["code"] == (len('search {"q": "a"}') + len("Oslo"), 0)
    assert amounts["observation"] == (0, len("result of c1"))


@pytest.mark.browser
def test_the_page_shows_each_call_with_its_result(open_page: OpenPage, made_run: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(made_run, run_dir)
    folder = run_dir / "evaluate" / "agent"
    lines = (folder / "trajectories.jsonl").read_text().rstrip("\n").split("\n")
    task = json.loads(lines[0])["task"]
    shown = json.loads(searched().model_dump_json()) | {"task": task, "attempt": json.loads(lines[0]).get("attempt", 0)}
    (folder / "trajectories.jsonl").write_text("\n".join([json.dumps(shown), *lines[1:]]) + "\n")
    report = write_report(run_dir)
    page = open_page(address(report, view="trajectories", c="evaluate/agent", open=f"{task['id']}#{shown['attempt']}"))
    page.wait_for_selector(".attempt")
    first = page.locator("section.step").first
    called = first.locator(":scope > .called")
    assert called.count() == 2
    assert 'search {"q":"Norway"}' in said(called.nth(0).locator(".calls"))
    assert "cached" in said(called.nth(0).locator(".calls"))
    assert "result of c1" in said(called.nth(0).locator(".observation"))
    assert said(called.nth(1).locator("h4")) == "Result: error"
    assert "print(x)" in said(called.nth(1).locator(".code"))
    assert first.locator(":scope > .observation").count() == 0
    expect(page.locator(".fact-list")).to_contain_text("search")
    page.get_by_role("link", name="As messages").click()
    expect(page.locator(".message.assistant").first).to_contain_text('{"q":"Norway"}')
