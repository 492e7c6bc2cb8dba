"""Attacked tasks and the user's model, in the terminal and in the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.browser import OpenPage
from tests.report.test_terminal import printed
from understudy.records import Interval, Metrics, Rate, Robustness, Usage
from understudy.report import terminal_table, write_report
from understudy.runs import read_record, write_atomic


def rate(n_yes: int, n: int) -> Rate:
    return Rate(n=n, n_yes=n_yes, rate=n_yes / n if n else 0.0, interval=Interval(low=0.125, high=0.875))


@pytest.fixture
def attacked_run(made_run: Path, tmp_path: Path) -> Path:
    """A run in which one system was attacked, and talked with a user that a model plays."""
    run_dir = shutil.copytree(made_run, tmp_path / "attacked")
    path = run_dir / "evaluate" / "agent" / "metrics.json"
    metrics = read_record(path, Metrics)
    first, *others = metrics.task_sets
    first = first.model_copy(update={"user_usage": Usage(prompt_tokens=4000, completion_tokens=321, requests=9)})
    found = (
        Robustness(
            source="shop",
            n_tasks=7,
            without_attack=rate(3, 4),
            under_attack=rate(1, 2),
            attack_success=rate(1, 4),
        ),
        Robustness(source="bank", n_tasks=2, under_attack=rate(0, 3), attack_success=rate(0, 0)),
    )
    metrics = metrics.model_copy(update={"robustness": found, "task_sets": (first, *others)})
    write_atomic(path, metrics.model_dump_json())
    return run_dir


def test_the_terminal_shows_three_rates_and_the_tokens_of_the_user(attacked_run: Path, made_run: Path) -> None:
    text = " ".join(printed(terminal_table(attacked_run), width=200).split())
    assert "Under attack Tasks of Tasks Without attack, % Under attack, % Attack succeeds, %" in text
    assert "shop 7 75.0 (12.5–87.5) 50.0 (12.5–87.5) 25.0 (12.5–87.5)" in text
    assert "bank 2 – 0.0 (12.5–87.5) –" in text
    assert "Tokens of the model that plays the user, which are not part of the table: 4,321 with" in text
    without = printed(terminal_table(made_run), width=200)
    assert "attack" not in without
    assert "plays the user" not in without


@pytest.mark.browser
def test_the_page_shows_three_rates_and_the_tokens_of_the_user(open_page: OpenPage, attacked_run: Path) -> None:
    page = open_page(write_report(attacked_run).as_uri())
    section = page.locator("section[aria-labelledby=robustness]")
    rows = [" ".join(text.split()) for text in section.locator("tbody tr").all_text_contents()]
    assert len(rows) == 2
    assert rows[0].endswith("shop775.0 12.5–87.550.0 12.5–87.525.0 12.5–87.5")
    assert rows[1].endswith("bank2–0.0 12.5–87.5–")
    note = page.locator("section[aria-labelledby=distilled] .note").text_content() or ""
    assert "Tokens of the model that plays the user, which are not part of the table: 4,321 of " in note
