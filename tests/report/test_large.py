"""Ten thousand trajectories. How fast it is, ``benchmarks/bench_report.py`` measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import OpenPage
from tests.report.make_run import make_many
from understudy.report import write_comparison, write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_of_ten_thousand_only_those_in_sight_are_in_the_page(open_page: OpenPage, tmp_path: Path) -> None:
    report = write_report(make_many(tmp_path / "many", 10_000))
    assert report.stat().st_size < 10e6
    page = open_page(f"{report.as_uri()}#view=trajectories")
    expect(page.locator(".tally")).to_have_text("10,000 attempts")
    assert page.locator(".rows li").count() < 60
    page.locator(".rows").evaluate("box => box.scrollTop = box.scrollHeight")
    expect(page.locator(".rows li").last).to_have_attribute("aria-posinset", "10000")
    page.locator(".row").last.click()
    expect(page.locator(".position")).to_have_text("10,000 of 10,000")
    expect(page.locator(".attempt")).to_be_visible()
    page.fill("#search", "gsm_hard-test-02345")
    expect(page.locator(".rows li")).to_have_count(1)


def test_of_two_runs_of_ten_thousand_too(open_page: OpenPage, tmp_path: Path) -> None:
    runs = [make_many(tmp_path / name, 10_000, luck=luck) for name, luck in (("first", 7), ("second", 8))]
    file = write_comparison(runs, tmp_path / "compare.html")
    assert file.stat().st_size < 20e6
    page = open_page(file.as_uri())
    expect(page.locator(".tally")).to_have_text("10,000 attempted by both")
    assert page.locator(".rows li").count() < 60
    parts = page.locator(".outcomes b").all_text_contents()
    whole, *rest = (int(part.replace(",", "")) for part in parts)
    assert whole == sum(rest) == 10_000
    page.locator(".rows").evaluate("box => box.scrollTop = box.scrollHeight")
    page.locator(".rows li[aria-posinset='10000'] a").click()
    expect(page.locator(".position")).to_have_text("10,000 of 10,000")
    expect(page.locator(".pair .outcome-box")).to_have_count(2)
