"""The viewer: lists runs, follows the one that is going, gives out nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

from tests.report.conftest import OpenPage
from tests.report.made_up import Skill, attempt, score_of, tasks_of
from tests.report.make_run import make_run
from understudy.report.view import serve_view, view_app
from understudy.runs import append_jsonl


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    make_run(tmp_path / "runs" / "one", n_tasks=3)
    (tmp_path / "runs" / "no run").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "manifest.json").write_text("{}")
    return tmp_path / "runs"


@pytest.fixture
def client(runs_dir: Path) -> TestClient:
    return TestClient(view_app(runs_dir), base_url="http://127.0.0.1")


def test_lists_runs_and_gives_their_documents(client: TestClient) -> None:
    assert "text/html" in client.get("/").headers["content-type"]
    (run,) = client.get("/runs").json()["runs"]
    assert (run["name"], run["state"], len(run["systems"])) == ("one", "done", 9)
    document = client.get("/run/one/document").json()
    assert client.get("/run/one/document", params={"have": document["version"]}).status_code == 204
    assert len(client.get("/run/one/chunk/evaluate/agent/0").text.split("\n")) == 12


def test_gives_what_two_runs_are_put_side_by_side_by(client: TestClient, runs_dir: Path) -> None:
    assert "text/html" in client.get("/compare/").headers["content-type"]
    outline = client.get("/run/one/outline").json()
    assert [one["n"] for one in outline["collections"]] == [12] * 9 + [6] * 2
    assert "rows" not in outline["collections"][0]
    assert len(client.get("/run/one/attempts/evaluate/agent").json()["rows"]) == 12
    (runs_dir / "one" / "evaluate" / "cot" / "metrics.json").write_text('{"system"')
    problem = client.get("/run/one/outline").json()["problem"]
    assert "metrics.json" in problem
    assert "Invalid JSON" in problem
    (run,) = client.get("/runs").json()["runs"]
    assert "metrics.json" in run["problem"]


@pytest.mark.parametrize(
    "path",
    [
        "/run/none/",
        "/run/no run/",
        "/run/../secret/",
        "/run/..%2Fsecret/",
        "/run/..%2Fsecret/document",
        "/run/one/chunk/evaluate/none/0",
        "/run/one/chunk/train/agent/0",
        "/run/one/chunk/evaluate/..%2F..%2F..%2Fsecret/0",
        "/run/one/attempts/evaluate/none",
        "/run/..%2Fsecret/outline",
    ],
)
def test_gives_out_nothing_that_it_did_not_list(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_answers_to_loopback_names_only(runs_dir: Path) -> None:
    assert TestClient(view_app(runs_dir), base_url="http://evil.example").get("/runs").status_code == 400


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a folder of run directories"):
        serve_view(tmp_path / "none")


@pytest.mark.browser
def test_follows_a_run_and_leaves_the_reader_where_he_is(
    open_page: OpenPage, runs_dir: Path, serve: Callable[[Path], str]
) -> None:
    served = serve(runs_dir)
    page = open_page(served, allowed=served)
    page.get_by_role("link", name="one").click()
    page.wait_for_selector("table.cards")
    page.keyboard.press("2")
    page.select_option("#collection", "evaluate/agent")
    expect(page.locator(".tally")).to_have_text("12 attempts")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_selector(".attempt")
    read = page.locator(".attempt").get_attribute("aria-label")
    task = tasks_of("math500", "later", 1, 3)[0]
    more = attempt(task, Skill("student-agent", 1.0), 0)
    with append_jsonl(runs_dir / "one" / "evaluate" / "agent" / "trajectories.jsonl") as writer:
        writer.write(more)
    with append_jsonl(runs_dir / "one" / "evaluate" / "agent" / "scores.jsonl") as writer:
        writer.write(score_of(more, True))
    expect(page.locator(".tally")).to_have_text("13 attempts", timeout=30_000)
    assert page.locator(".attempt").get_attribute("aria-label") == read
