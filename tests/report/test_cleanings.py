"""What a cleaning dropped and changed, in the document, in the terminal and on the page."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from playwright.sync_api import expect
from rich.console import Console

from tests.browser import OpenPage
from tests.pipeline.test_clean import recipe_of, rows, run_quietly  # noqa: F401  ``rows`` is a fixture
from understudy.report import collect, show_run


@pytest.fixture
def run_dir(rows: Path, tmp_path: Path) -> Path:  # noqa: F811
    run_quietly(recipe_of(rows), tmp_path / "run")
    return tmp_path / "run"


def terminal(run_dir: Path, *what: str) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(show_run(run_dir, *what))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_document_has_the_reasons_and_the_fate_of_each_attempt(run_dir: Path) -> None:
    document = collect(run_dir)
    (cleaning,) = document.cleanings
    assert (cleaning.key, cleaning.attempts) == ("clean/shop", "imported/shop")
    assert (cleaning.summary.n, cleaning.summary.n_kept) == (4, 3)
    assert [(one.said, one.n, len(one.examples)) for one in cleaning.summary.reasons] == [
        ("dropped: unknown tool", 1, 1),
        ("changed: personal email", 3, 3),
    ]
    fates = {one.key: sorted(row.fate for row in one.rows) for one in document.collections}
    assert fates["imported/shop"] == ["", "", "", "unknown_tool"]
    assert fates["clean/shop"] == ["incorrect", "kept", "kept"]


def test_the_terminal_has_the_table_of_reasons(run_dir: Path) -> None:
    shown = terminal(run_dir, "clean/shop")
    assert "3 of 4 trajectories kept" in shown
    assert "dropped: unknown tool" in shown
    assert "lookup, first in message 2" in shown
    assert "@example.org" not in shown


@pytest.mark.browser
def test_the_page_leads_from_a_reason_to_the_attempts(run_dir: Path, open_page: OpenPage) -> None:
    page = open_page(f"{(run_dir / 'report.html').as_uri()}#view=training")
    line = page.locator(".cleaning tr", has_text="dropped: unknown tool")
    assert "lookup, first in message 2" in (line.text_content() or "")
    line.get_by_role("link", name="1", exact=True).click()
    expect(page.locator(".tally")).to_contain_text("1 of 4")
    page.keyboard.press("j")
    expect(page.locator(".attempt")).to_contain_text("lookup")
