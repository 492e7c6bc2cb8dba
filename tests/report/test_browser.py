"""The page, clicked through in a real browser, without the network."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import OpenPage
from tests.report.hostile import SCRIPT, hostile_trajectory
from understudy.report import write_report

pytestmark = pytest.mark.browser
UNNAMED = (
    "[...document.querySelectorAll('a, button, select, input, [role=img]')].filter(one => "
    "!(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length)).length"
)


def said(place: Locator) -> str:
    return place.text_content() or ""


def named(place: Locator, attribute: str) -> str:
    return place.get_attribute(attribute) or ""


def address(report: Path, **state: str) -> str:
    return f"{report.as_uri()}#{urlencode(state)}"


def test_first_screen_has_the_table_the_sentence_and_says_which_system_is_a_program(
    open_page: OpenPage, made_report: Path
) -> None:
    page = open_page(made_report.as_uri())
    assert re.search("That (is more than|may be) noise", said(page.locator(".doubt")))
    rows = page.locator("table.cards tbody tr")
    assert rows.count() == 9
    teacher = rows.filter(has_text="Teacher")
    assert teacher.locator(".badge.program").count() == 1
    assert said(rows.nth(0)).count("20.33") == 1  # the paper's figure of the same cell
    assert page.locator("figure svg[role=img]").count() >= 8
    assert page.locator("figure:has(svg)").count() == page.locator("figure:has(details.data table)").count()
    for place in ("figure svg text", "figure tbody th", "details.tests tbody th", "table.sets tbody th"):
        programs = page.locator(place, has_text="Teacher").all_text_contents()
        assert programs
        assert all("program" in text for text in programs)


def test_cells_lead_to_the_trajectories_behind_them(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(made_report.as_uri())
    cell = page.locator("table.sets tbody tr", has_text="Agent distilled + FTP + SAG").locator("td a").nth(1)
    n_right, n = named(cell, "aria-label").split(", ")[1].split(" right")[0].split(" of ")
    cell.click()
    page.wait_for_selector(".tally")
    assert said(page.locator(".tally")).startswith(f"{n} of ")
    page.select_option("select[data-key=verdict]", "right")
    assert said(page.locator(".tally")).startswith(f"{n_right} of ")
    page.go_back()
    page.wait_for_selector("table.cards")


def test_paired_test_leads_to_the_tasks_that_decide_it(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(made_report.as_uri())
    page.locator("details.tests summary").first.click()
    row = page.locator("details.tests[open] tbody tr", has_text="Agent distilled + FTP + SAG").filter(
        has_text="average"
    )
    link = row.locator("td a").first
    n = said(link)
    link.click()
    assert said(page.locator(".tally")).startswith(f"{n} of ")
    page.locator(".row").first.click()
    assert named(page.locator(".pair .outcome-box").nth(0), "class").endswith("right")
    assert "right" not in named(page.locator(".pair .outcome-box").nth(1), "class").split()


def test_accuracy_by_level_is_a_table_under_its_task_set(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(made_report.as_uri())
    part = page.locator("details.breakdown", has_text="math500 by level")
    part.locator("summary").click()
    row = part.locator("tbody tr", has_text="Agent distilled + FTP + SAG")
    assert row.count() == 5
    assert re.fullmatch(r"\d+ of \d+", said(row.first.locator("td").nth(1)))


def test_filter_search_open_and_walk_by_keyboard(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(address(made_report, view="trajectories", c="evaluate/agent"))
    page.select_option("select[data-key=set]", "math500")
    page.select_option("select[data-key=error]", "any")
    n_failed = page.locator(".rows li").count()
    assert 0 < n_failed <= 16
    page.keyboard.press("j")
    page.wait_for_selector(".attempt .step.failed")
    assert said(page.locator(".position")) == f"1 of {n_failed}"
    first = named(page.locator(".attempt"), "aria-label")
    page.keyboard.press("j")
    expect(page.locator(".attempt")).not_to_have_attribute("aria-label", first)
    assert said(page.locator(".position")) == f"2 of {n_failed}"
    page.keyboard.press("k")
    expect(page.locator(".attempt")).to_have_attribute("aria-label", first)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("brute force")  # stands in the code only, not in the list's index
    expect(page).to_have_url(re.compile("q=brute"))
    expect(page.locator(".tally")).not_to_contain_text("searching")
    assert 0 < page.locator(".rows li").count() <= n_failed


def test_reading_view_marks_prefix_votes_and_grader(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(address(made_report, view="trajectories", c="rollout/teacher-agent-ftp", fate="kept"))
    page.keyboard.press("j")
    assert "find out what the question rests on" in said(page.locator("mark.given").first)
    assert said(page.locator(".explanation").first)
    page.get_by_role("link", name="What is trained").click()
    page.wait_for_selector(".tokens .on")
    learnt = "".join(page.locator(".tokens .on").all_text_contents())
    assert "Thought:" in learnt
    assert "Execution logs" not in learnt
    page.goto(address(made_report, view="trajectories", c="evaluate/agent-both", open="hotpotqa-test-00003#0"))
    votes = page.locator("details.votes").first
    votes.locator("summary").first.click()
    assert votes.locator(".group.chosen .badge.chosen").count() == 1
    sizes = [int(text.split(" of ")[0]) for text in votes.locator(".votes-n").all_text_contents()]
    assert sum(sizes) == 8


def test_attempts_with_cut_replies_are_counted_found_and_marked(
    open_page: OpenPage, made_run: Path, made_report: Path, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(made_run, tmp_path / "run")
    path = run_dir / "evaluate" / "agent" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["task_sets"][0] |= {"n_not_scored": 2, "n_cut_replies": 7}
    path.write_text(json.dumps(metrics))
    page = open_page(write_report(run_dir).as_uri())
    note = said(page.locator("#distilled ~ .note"))
    assert "Not judged (counted as wrong): 2 of Agent distilled." in note
    assert "after which the model had continued: 7 of Agent distilled." in note
    page = open_page(address(made_report, view="trajectories", c="evaluate/agent", error="cut"))
    assert "cut at a stop string (1)" in said(page.locator("select[data-key=error]"))
    (row,) = page.locator(".rows li").all_text_contents()
    assert "1 cut reply" in row


def test_hostile_trajectory_stays_text(open_page: OpenPage, made_report: Path) -> None:
    hostile = hostile_trajectory()
    page = open_page(address(made_report, view="trajectories", c="evaluate/agent", open=hostile.id))
    page.wait_for_selector(".attempt")
    assert page.evaluate("window.pwned") is None
    assert page.locator("script").evaluate_all("all => all.filter(one => one.type !== 'text/plain').length") == 1
    assert page.locator("img, iframe, object, embed, base, link[rel=stylesheet]").count() == 0
    question = said(page.locator(".asked"))
    assert "</script><script>window.pwned = 1</script>" in question
    assert "[bold red]not bold[/]" in question
    assert "U+202E" in question
    assert "\u202e" not in page.locator("body").inner_text()
    assert "ESC[31mred" in question
    assert SCRIPT in said(page.locator(".badge.cut"))
    page.get_by_role("link", name="As messages").click()
    page.wait_for_selector(".message.system")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Show all").last.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("dark", [False, True])
def test_phone_width_has_no_sideways_scroll_and_every_view_its_landmarks(
    open_page: OpenPage, made_report: Path, dark: bool
) -> None:
    page = open_page(made_report.as_uri(), width=360, height=740, dark=dark)
    assert named(page.locator("html"), "data-theme") == ("dark" if dark else "light")
    for number, content in enumerate(("table.cards", ".explorer .row", ".figure svg", "table.facts"), 1):
        page.keyboard.press(str(number))
        page.wait_for_selector(content, state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for landmark in ("main", "banner", "navigation"):
            assert page.get_by_role(landmark).count() == 1
        assert page.evaluate(UNNAMED) == 0


def test_keyboard_alone_reaches_everything(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(made_report.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("2")
    page.wait_for_selector(".explorer")
    page.locator("#search").focus()
    for _ in range(14):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('row')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".attempt")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").count() == 1
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_theme_is_changed_and_kept(open_page: OpenPage, made_report: Path) -> None:
    page = open_page(made_report.as_uri())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Change between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert named(page.locator("html"), "data-theme") == "dark"
