"""The file: complete, small, without any connection."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from tests.report.hostile import SCRIPT
from tests.report.make_run import make_run
from understudy.report import write_report
from understudy.report.page import SCRIPTS, STYLES, live_page

ASSETS = files("understudy.report").joinpath("assets")
SINKS = (
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "setHTML", "srcdoc", "DOMParser"),
    *("createContextualFragment", "eval(", "new Function", "javascript:", "http://", "https://", "importScripts"),
    *("XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon"),
)


def unpacked(page: str, name: str) -> str:
    packed = re.search(rf'id="{name}">([^<]*)<', page)
    assert packed is not None
    return gzip.decompress(base64.b64decode(packed[1])).decode()


def test_nothing_is_loaded_from_anywhere(made_report: Path) -> None:
    page = made_report.read_text()
    assert re.findall(r"<(?:script|link|img|iframe|source)[^>]*(?:src|href)=\"([^\"]*)\"", page) == ["data:,"]
    assert "default-src 'none'" in page
    assert "connect-src 'none'" in page


def test_policy_names_the_one_script_and_the_one_style_by_digest(made_report: Path) -> None:
    page = made_report.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    for pattern in (r"<script>(.*?)</script>", r"<style>(.*?)</style>"):
        (text,) = re.findall(pattern, page, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy[1]
    assert "unsafe" not in policy[1]


@pytest.mark.parametrize("name", [*SCRIPTS, *STYLES, "page.html"])
def test_no_asset_can_read_a_text_as_markup_or_reach_out(name: str) -> None:
    text = ASSETS.joinpath(name).read_text()
    text = text.replace("http://www.w3.org/2000/svg", "")  # the name of SVG, never asked for
    assert [sink for sink in SINKS if sink in text] == []
    assert len(text.splitlines()) <= 250


def test_hostile_text_is_packed_and_comes_out_as_it_was(made_report: Path) -> None:
    page = made_report.read_text()
    assert SCRIPT not in page
    assert page.count("</script>") == page.count("<script")
    document = json.loads(unpacked(page, "document"))
    place = next(i for i, one in enumerate(document["collections"]) if one["key"] == "evaluate/agent")
    row = document["collections"][place]["rows"][-1]
    body = json.loads(unpacked(page, f"chunk-{place}-{row['line'] // 50}").split("\n")[row["line"] % 50])
    assert SCRIPT in body["trajectory"]["task"]["question"]


def test_title_and_sentence_are_escaped(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "</title><script>alert(1)<!-- %%DATA%%", n_tasks=2)
    (run_dir / "manifest.json").unlink()
    page = write_report(run_dir).read_text()
    assert "<script>alert" not in page
    assert page.count("</title>") == 1
    assert page.count('id="document"') == 1


def test_same_run_gives_the_same_bytes(made_run: Path) -> None:
    assert write_report(made_run).read_bytes() == write_report(made_run).read_bytes()


def test_live_page_may_ask_its_own_server_only() -> None:
    page = live_page("<run>")
    assert "connect-src 'self'" in page
    assert "&lt;run&gt;" in page
    assert 'id="document"' not in page


def colours(theme: str) -> dict[str, str]:
    text = ASSETS.joinpath("base.css").read_text()
    light, dark = re.findall(r":root(?:\[data-theme=\"dark\"\])? \{(.*?)\n\}", text, re.DOTALL)
    both = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return both if theme == "light" else both | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark))


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


WORDS = [
    *[(ink, ground) for ink in ("ink", "muted") for ground in ("ground", "panel", "raised", "code", "accent-soft")],
    *[("accent", ground) for ground in ("ground", "panel", "raised", "accent-soft")],
    *[(name, f"{name}-soft") for name in ("right", "wrong", "other")],
    *[(name, ground) for name in ("right", "wrong", "other") for ground in ("ground", "raised")],
    *[(f"py-{name}", "code") for name in ("keyword", "string", "number", "comment", "call")],
    ("ink", "given"),
    ("ink", "learnt"),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_have_the_contrast_that_wcag_asks_for(theme: str) -> None:
    palette = colours(theme)
    weak = [(a, b, round(contrast(palette[a], palette[b]), 2)) for a, b in WORDS]
    assert [pair for pair in weak if pair[2] < 4.5] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_have_the_contrast_that_wcag_asks_for(theme: str) -> None:
    palette = colours(theme)
    marks = [f"s{i}" for i in range(8)]
    weak = [(mark, round(contrast(palette[mark], palette["raised"]), 2)) for mark in marks]
    assert [pair for pair in weak if pair[1] < 3] == []
