"""Two runs on the same tasks: what the page is made of, and the page itself in a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from tests.browser import OpenPage
from tests.report.hostile import SCRIPT, hostile_trajectory
from tests.report.made_up import Skill, attempt, score_of, tasks_of
from tests.report.test_browser import UNNAMED, named, said
from tests.report.test_page import unpacked
from understudy.records import StageState
from understudy.report import collect, write_comparison
from understudy.report.outline import attempts_of, outline_of
from understudy.report.rows import read_scores
from understudy.report.side_by_side import run_names
from understudy.runs import BadRecordError, append_jsonl

AGENT = {"a": "first", "ac": "evaluate/agent", "b": "second", "bc": "evaluate/agent"}
OUTCOMES = {(True, True): "both", (True, False): "won", (False, True): "lost", (False, False): "neither"}


def address(page: Path, **state: str) -> str:
    return f"{page.as_uri()}#{urlencode(state)}"


def outcomes(folder: Path) -> dict[str, int]:
    """How many tasks came out how, from the scores themselves."""
    files = [folder / run / "evaluate/agent/scores.jsonl" for run in ("first", "second")]
    right = [{key: bool(scores[0].correct) for key, scores in read_scores(file).items()} for file in files]
    found = dict.fromkeys(OUTCOMES.values(), 0)
    for key in right[0]:
        found[OUTCOMES[right[0][key], right[1][key]]] += 1
    return found


def counted(page: Page, outcome: str) -> int:
    return int(said(page.locator(f"[data-outcome={outcome}] b")))


def test_outline_and_rows_are_those_of_the_run(made_runs: Path) -> None:
    document, outline = collect(made_runs / "first"), outline_of(made_runs / "first")
    whole = {one.key: one for one in document.collections if one.kind != "curate"}
    assert [one.key for one in outline.collections] == list(whole)
    assert outline.student == "evaluate/agent-ftp"
    for one in outline.collections:
        found = attempts_of(made_runs / "first", one.key)
        assert (one.label, one.n, one.is_program) == (found.label, len(found.rows), found.is_program)
        assert [row.model_copy(update={"fate": ""}) for row in whole[one.key].rows] == list(found.rows)


def test_version_of_a_collection_changes_with_its_own_files_only(made_runs: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(made_runs / "first", run_dir)
    before = {one.key: one.version for one in outline_of(run_dir).collections}
    with (run_dir / "evaluate/agent/trajectories.jsonl").open("ab") as file:
        file.write(b'{"torn')
    after = {one.key: one.version for one in outline_of(run_dir).collections}
    assert {key for key in after if after[key] != before[key]} == {"evaluate/agent"}
    assert len(attempts_of(run_dir, "evaluate/agent").rows) == 49


def test_a_file_that_is_missing_or_damaged_is_named(made_runs: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    shutil.copytree(made_runs / "first", run_dir)
    with pytest.raises(FileNotFoundError, match="expected a run directory"):
        outline_of(tmp_path / "none")
    with pytest.raises(LookupError, match="no attempts of 'train/agent'"):
        attempts_of(run_dir, "train/agent")
    (run_dir / "evaluate/agent-ftp/trajectories.jsonl").unlink()
    assert attempts_of(run_dir, "evaluate/agent-ftp").rows == ()
    (run_dir / "evaluate/agent/scores.jsonl").write_text("[]\n")
    with pytest.raises(BadRecordError, match=r"scores\.jsonl, line 1"):
        write_comparison([run_dir], tmp_path / "page.html")
    (run_dir / "manifest.json").write_text('{"name')
    with pytest.raises(BadRecordError, match=r"manifest\.json: expected the manifest"):
        outline_of(run_dir)
    assert not (tmp_path / "page.html").exists()


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: Path("/", *parts))))
def test_runs_of_one_name_are_distinguished(paths: list[Path]) -> None:
    names = run_names(paths)
    assert len(set(names)) == len(paths)
    for path, name in zip(paths, names, strict=True):
        assert name.split(" (")[0].split("/")[-1] == path.name
    if len({path.name for path in paths}) == len(paths):
        assert names == [path.name for path in paths]


def test_page_holds_evaluations_of_all_runs_and_asks_nobody(made_comparison: Path) -> None:
    page = made_comparison.read_text()
    document = json.loads(unpacked(page, "document"))
    assert [run["name"] for run in document["runs"]] == ["first", "second", "other"]
    assert {one["kind"] for run in document["runs"] for one in run["collections"]} == {"evaluate"}
    assert "rows" not in json.dumps(document)
    assert "connect-src 'none'" in page
    assert SCRIPT not in page
    assert page.count("</script>") == page.count("<script")
    row = json.loads(unpacked(page, "attempts-1-0"))["rows"][-1]
    assert SCRIPT in unpacked(page, f"chunk-1-0-{row['line'] // 50}")


@pytest.mark.browser
def test_choose_filter_open_and_walk_by_keyboard(open_page: OpenPage, made_runs: Path, made_comparison: Path) -> None:
    page = open_page(made_comparison.as_uri())
    page.select_option("#run-A", "first")
    page.select_option("#system-A", "evaluate/agent")
    page.select_option("#run-B", "second")
    page.select_option("#system-B", "evaluate/agent")
    expect(page.locator(".tally")).to_have_text("49 attempted by both")
    expected = outcomes(made_runs)
    assert {key: counted(page, key) for key in expected} == expected
    assert said(page.locator(".share").first).endswith(f"{expected['both'] + expected['won']} of 49")
    page.select_option("select[data-key=set]", "math500")
    expect(page.locator("[data-outcome=all] b")).to_have_text("12")
    page.get_by_role("link", name="clear filters").click()
    page.locator("[data-outcome=won]").click()
    page.keyboard.press("j")
    assert said(page.locator(".position")) == f"1 of {expected['won']}"
    assert page.locator(".both .asked").count() == 1
    boxes = page.locator(".pair .outcome-box")
    assert [named(boxes.nth(i), "class").split()[-1] for i in range(2)] == ["right", "wrong"]
    names = page.locator(".side-name").all_text_contents()
    assert [name[1:] for name in names] == ["first · Agent distilled", "second · Agent distilled"]
    first = said(page.locator(".kicker"))
    page.keyboard.press("j")
    expect(page.locator(".kicker")).not_to_have_text(first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".kicker")).to_have_text(first)
    page.keyboard.press("m")
    page.wait_for_selector(".pair .message.system")
    seen = (page.url, said(page.locator(".both")))
    page.reload()
    page.wait_for_selector(".pair .message.system")
    assert (page.url, said(page.locator(".both"))) == seen
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Swap").click()
    expect(page.locator("[data-outcome=lost][aria-current]")).to_have_text(f"Only B right{expected['won']}")
    page.go_back()
    expect(page.locator("[data-outcome=won][aria-current]")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("state", "text"),
    [
        (AGENT | {"b": "other"}, "no task in common. 12 tasks have the same name in both, but different questions"),
        (AGENT | {"b": "none"}, "There is no run “none” here"),
        (AGENT | {"ac": "evaluate/<b>"}, "first has no attempts of “evaluate/<b>”"),
    ],
)
def test_what_cannot_be_compared_is_reported(
    open_page: OpenPage, made_comparison: Path, state: dict[str, str], text: str
) -> None:
    page = open_page(address(made_comparison, **state), width=360)
    expect(page.locator(".tally")).to_contain_text(text)
    page.keyboard.press("j")
    page.select_option("#run-A", "second")
    page.select_option("#run-B", "second")
    expect(page.locator(".tally")).to_contain_text("attempted by both")


@pytest.mark.browser
def test_hostile_trajectory_stays_text_on_both_sides(open_page: OpenPage, made_comparison: Path) -> None:
    page = open_page(address(made_comparison, **AGENT, open=hostile_trajectory().id), width=1100)
    for content in (".both .step", ".both .message.system"):
        page.wait_for_selector(content)
        assert page.evaluate("window.pwned") is None
        assert page.locator("script").evaluate_all("all => all.filter(one => one.type !== 'text/plain').length") == 1
        assert page.locator("img, iframe, object, embed, base, link[rel=stylesheet]").count() == 0
        assert said(page.locator(".pair")).count("[bold red]not bold[/]") >= 4
        assert "\u202e" not in page.locator("body").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("m")
    page.fill("#search", SCRIPT)
    expect(page.locator(".rows li")).to_have_count(1)
    assert page.evaluate("window.pwned") is None


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_the_two_stand_below_each_other(open_page: OpenPage, made_comparison: Path, dark: bool) -> None:
    wide = open_page(address(made_comparison, **AGENT, open="math500-test-00003#0"), dark=dark)
    narrow = open_page(address(made_comparison, **AGENT, open="math500-test-00003#0"), width=360, height=740, dark=dark)
    for page, is_beside in ((wide, True), (narrow, False)):
        page.wait_for_selector(".both")
        first, second = (page.locator(".pair .attempt").nth(i).bounding_box() for i in range(2))
        assert first is not None
        assert second is not None
        assert (second["y"] == first["y"]) is is_beside
        assert (second["x"] == first["x"]) is not is_beside
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(UNNAMED) == 0
        assert page.get_by_role("heading", level=1).count() == 1
    narrow.get_by_role("button", name=re.compile("^B")).click()
    assert narrow.evaluate("scrollY") > 300
    narrow.get_by_role("link", name="List").click()
    expect(narrow.locator(".rows")).to_be_visible()


@pytest.mark.browser
def test_keyboard_alone_chooses_filters_and_opens(open_page: OpenPage, made_comparison: Path) -> None:
    page = open_page(address(made_comparison, **AGENT))
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.id") == "run-B"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.outcome") == "neither":
            break
    page.keyboard.press("Enter")
    expect(page.locator("[data-outcome=neither][aria-current]")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('row')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".both")
    page.keyboard.press("?")
    assert "choose what to compare with" in said(page.get_by_role("dialog"))
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("no such words")
    expect(page.locator(".tally")).to_contain_text("0 of 49")


@pytest.mark.browser
def test_from_the_list_of_runs_to_two_attempts_while_one_run_continues(
    open_page: OpenPage, made_runs: Path, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    shutil.copytree(made_runs, tmp_path / "runs")
    second = tmp_path / "runs" / "second"
    stage = second / "evaluate/agent/stage.json"
    stage.write_text(stage.read_text().replace('"done"', '"running"'))
    assert outline_of(second).state is StageState.RUNNING
    served = serve(tmp_path / "runs")
    page = open_page(served, allowed=served)
    page.get_by_role("link", name="Compare first with another run").click()
    expect(page.locator("#run-A")).to_have_value("first")
    page.select_option("#run-B", "second")
    page.select_option("#system-A", "evaluate/agent")
    page.select_option("#system-B", "evaluate/agent")
    expect(page.locator(".tally")).to_have_text("49 attempted by both")
    page.locator("[data-outcome=both]").click()
    page.keyboard.press("j")
    page.wait_for_selector(".both")
    page.evaluate("document.querySelector('.reader').scrollTop = 120")
    task = tasks_of("math500", "later", 1, 3)[0]
    for run, correct in (("first", True), ("second", False)):
        more = attempt(task, Skill("student-agent", 1.0), 0)
        with append_jsonl(tmp_path / "runs" / run / "evaluate/agent/trajectories.jsonl") as writer:
            writer.write(more)
        with append_jsonl(tmp_path / "runs" / run / "evaluate/agent/scores.jsonl") as writer:
            writer.write(score_of(more, correct))
    expect(page.locator("[data-outcome=all] b")).to_have_text("50", timeout=30_000)
    assert page.evaluate("document.querySelector('.reader').scrollTop") == 120
    with page.expect_request(lambda request: request.url.endswith("/outline")):
        pass  # the next look at the runs begins when all that the last one found is drawn
    page.get_by_role("link", name="in its run").nth(1).click()
    page.wait_for_selector(".attempt .outcome-box.right")
    page.get_by_role("link", name="Compare with another run").click()
    expect(page.locator("#system-A")).to_have_value("evaluate/agent")
    page.select_option("#run-B", "first")
    page.wait_for_selector(".both")
    (second / "evaluate/agent/scores.jsonl").write_text("[]\n")
    page.goto(f"{served}compare/#{urlencode(AGENT)}")
    page.reload()
    expect(page.locator(".tally")).to_contain_text("scores.jsonl, line 1")
    assert page.locator(".outcomes a, .rows li").count() == 0
