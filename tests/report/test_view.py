"""The viewer: lists runs, follows the one that is going, gives out nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
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
    place = next(i for i, one in enumerate(document["collections"]) if one["key"] == "evaluate/agent")
    assert len(client.get(f"/run/one/chunk/{place}/0").text.split("\n")) == 12


@pytest.mark.parametrize(
    "path",
    [
        "/run/none/",
        "/run/no run/",
        "/run/../secret/",
        "/run/..%2Fsecret/",
        "/run/..%2Fsecret/document",
        "/run/one/chunk/99/0",
    ],
)
def test_gives_out_nothing_that_it_did_not_list(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_answers_to_loopback_names_only(runs_dir: Path) -> None:
    assert TestClient(view_app(runs_dir), base_url="http://evil.example").get("/runs").status_code == 400


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a folder of run directories"):
        serve_view(tmp_path / "none")


@pytest.fixture
def served(runs_dir: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(view_app(runs_dir), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.mark.browser
def test_follows_a_run_and_leaves_the_reader_where_he_is(open_page: OpenPage, runs_dir: Path, served: str) -> None:
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
