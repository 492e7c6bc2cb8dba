"""The viewer: lists runs, follows the one that is going, gives out nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

from tests.browser import OpenPage
from tests.report.made_up import Skill, attempt, score_of, tasks_of
from tests.report.make_run import SYSTEMS, make_run
from tests.retrieval.test_folders import as_somebody_else, let_everybody_in
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


def test_gives_what_two_runs_are_compared_by(client: TestClient, runs_dir: Path) -> None:
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


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
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


def damage(run_dir: Path, how: str) -> None:
    match how:
        case "broken link in a stage":
            (run_dir / "train" / "agent" / "latest").symlink_to(run_dir / "nowhere")
        case "broken link as stage":
            (run_dir / "rollout" / "gone").symlink_to(run_dir / "nowhere")
        case "link to itself":
            (run_dir / "rollout" / "loop").symlink_to(run_dir / "rollout" / "loop")
        case "link to the run":
            (run_dir / "rollout" / "again").symlink_to(run_dir)
        case "broken manifest link":
            (run_dir / "manifest.json").unlink()
            (run_dir / "manifest.json").symlink_to(run_dir / "nowhere")
        case "broken metrics link":
            (run_dir / "evaluate" / "cot" / "metrics.json").unlink()
            (run_dir / "evaluate" / "cot" / "metrics.json").symlink_to(run_dir / "nowhere")
        case "name of a file":
            Path(os.fsdecode(os.fsencode(run_dir / "train" / "agent") + b"/\xff\xfe.json")).write_text("{}")
        case "name of a stage":
            odd = Path(os.fsdecode(os.fsencode(run_dir / "rollout") + b"/caf\xe9"))
            odd.mkdir()
            (odd / "stage.json").write_text(
                '{"kind": "rollout", "name": "x", "state": "done", "inputs": {"\\ud800": "x"}}'
            )
        case "manifest is a list":
            (run_dir / "manifest.json").write_text("[]")
        case "manifest of odd values":
            (run_dir / "manifest.json").write_text('{"created": "\\ud800", "recipe": {"evaluate": [1], "report": 3}}')
        case "manifest is deep":
            (run_dir / "manifest.json").write_text("[" * 100_000)
        case "manifest is no text":
            (run_dir / "manifest.json").write_bytes(b"\xff\xfe{")
        case "manifest is a folder":
            (run_dir / "manifest.json").unlink()
            (run_dir / "manifest.json").mkdir()
        case "stage.json is a folder":
            (run_dir / "train" / "agent" / "stage.json").unlink()
            (run_dir / "train" / "agent" / "stage.json").mkdir()
        case "stage.json is a list":
            (run_dir / "train" / "agent" / "stage.json").write_text("[]")
        case "metrics are torn":
            (run_dir / "evaluate" / "cot" / "metrics.json").write_bytes(b'{"a": "\xff')
        case "a stage is a file":
            (run_dir / "prefixes").mkdir()
            (run_dir / "prefixes" / "notes.txt").write_text("x")
        case "a pipe":
            os.mkfifo(run_dir / "rollout" / "pipe")


DAMAGES = (
    "broken link in a stage", "broken link as stage", "link to itself", "link to the run", "broken manifest link",
    "broken metrics link", "name of a file", "name of a stage", "manifest is a list", "manifest of odd values",
    "manifest is deep", "manifest is no text", "manifest is a folder", "stage.json is a folder", "stage.json is a list",
    "metrics are torn", "a stage is a file", "a pipe",
)  # fmt: skip


def test_odd_runs_never_hide_the_others(client: TestClient, runs_dir: Path, tmp_path: Path) -> None:
    small = make_run(tmp_path / "small", n_tasks=1, systems=SYSTEMS[1:3])
    for how in DAMAGES:
        damage(shutil.copytree(small, runs_dir / how), how)
    runs = {run["name"]: run for run in client.get("/runs").json()["runs"]}
    assert set(runs) == {"one", *DAMAGES}
    assert runs["one"]["state"] == "done"
    assert not runs["one"].get("problem")
    assert {name for name, run in runs.items() if run.get("problem")} >= {
        one for one in DAMAGES if "manifest" in one and "odd values" not in one
    }
    for name in runs:
        for path in ("", "document", "outline"):
            assert client.get(f"/run/{name}/{path}").status_code == 200, (name, path)


def test_a_run_may_be_called_anything(client: TestClient, runs_dir: Path) -> None:
    names = [b"caf\xe9", b"\xff\xfe", "日本 run".encode(), b"with space", b"..x", b"a\\b"]
    for name in names:
        shutil.copytree(runs_dir / "one", Path(os.fsdecode(os.fsencode(runs_dir) + b"/" + name)))
    runs = client.get("/runs").json()["runs"]
    assert len(runs) == len(names) + 1
    for run in runs:
        assert run["n_stages"] > 0
        for path in ("", "document", "outline", "chunk/evaluate/agent/0"):
            assert client.get(f"/run/{quote(run['name'])}/{path}").status_code == 200


@pytest.mark.parametrize("hidden", ["one", "one/manifest.json", "one/train", "one/train/agent/stage.json"])
def test_what_may_not_be_read_is_listed_with_its_problem(runs_dir: Path, hidden: str) -> None:
    shutil.copytree(runs_dir / "one", runs_dir / "two")
    let_everybody_in(runs_dir)
    (runs_dir / hidden).chmod(0)
    client = TestClient(view_app(runs_dir), base_url="http://127.0.0.1")
    with as_somebody_else():
        runs = {run["name"]: run for run in client.get("/runs").json()["runs"]}
        assert runs["two"]["state"] == "done"
        assert "one" in runs
        if hidden in ("one", "one/manifest.json", "one/train/agent/stage.json"):
            assert "ermission denied" in runs["one"]["problem"]
    (runs_dir / hidden).chmod(0o700)


def test_links_to_nowhere_beside_the_runs_are_passed_over(client: TestClient, runs_dir: Path) -> None:
    (runs_dir / "gone").symlink_to(runs_dir / "nowhere")
    (runs_dir / "loop").symlink_to(runs_dir / "loop")
    (runs_dir / "notes.txt").write_text("x")
    assert [run["name"] for run in client.get("/runs").json()["runs"]] == ["one"]
