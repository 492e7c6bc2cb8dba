"""The labelling page: the sample, marks that survive, what it refuses, and the page in a browser."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from rich.console import Console
from starlette.testclient import TestClient

from tests.browser import OpenPage
from tests.report.make_run import SYSTEMS, add_hostile, make_run
from understudy.grading import read_marks
from understudy.records import Mark, MarkVerdict, Score, Trajectory
from understudy.report import Labelling, NotMarkableError, collect, read_mark_agreements, show_run, stage_to_mark
from understudy.report.attempts import read_attempts
from understudy.report.data import Row
from understudy.report.labelling import stratified_sample
from understudy.report.stage_files import read_stages
from understudy.report.view import view_app
from understudy.runs import read_jsonl, write_jsonl

STAGE = "evaluate/agent"
RIGHT, WRONG, SKIP = MarkVerdict.RIGHT, MarkVerdict.WRONG, MarkVerdict.SKIP


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs" / "one", n_tasks=12, systems=SYSTEMS[4:5])


def rows_of(run_dir: Path) -> tuple[Row, ...]:
    stage = next(one for one in read_stages(run_dir) if one.key == STAGE)
    return read_attempts(run_dir, stage, "", ()).collection.rows


def verdicts(labelling: Labelling) -> list[MarkVerdict | None]:
    return [one.mark for one in labelling.sample().items]


class TestSample:
    def test_it_has_right_and_wrong_ones_alike_and_is_the_same_for_a_seed(self, run_dir: Path) -> None:
        rows = rows_of(run_dir)
        chosen = stratified_sample(rows, 10, seed=1)
        assert Counter(one.verdict.value for one in chosen) == {"right": 5, "wrong": 5}
        assert chosen == stratified_sample(rows[::-1], 10, seed=1), "whatever the order of the file"
        assert chosen != stratified_sample(rows, 10, seed=2)
        assert len(stratified_sample(rows, 1000, seed=1)) == len(rows)

    def test_it_tells_no_verdict(self, run_dir: Path) -> None:
        sample = Labelling(run_dir, STAGE, n=6).sample()
        assert {one.row.verdict.value for one in sample.items} == {"not_scored"}
        assert Labelling(run_dir, STAGE, n=6).body(sample.items[0].row.id).scores == ()

    def test_a_stage_must_have_attempts(self, run_dir: Path) -> None:
        with pytest.raises(NotMarkableError, match=r"one of evaluate/agent, .*; got train/agent"):
            stage_to_mark(run_dir, "train/agent")
        with pytest.raises(NotMarkableError, match="got none"):
            stage_to_mark(run_dir)
        assert stage_to_mark(run_dir, f"{STAGE}/") == STAGE


class TestMarks:
    def test_the_last_mark_counts_and_undo_takes_it_back(self, run_dir: Path) -> None:
        labelling = Labelling(run_dir, STAGE, n=3)
        first, second, _ = (one.row.id for one in labelling.sample().items)
        labelling.mark(first, RIGHT)
        labelling.mark(second, SKIP)
        labelling.mark(first, WRONG)
        assert verdicts(labelling) == [WRONG, SKIP, None]
        assert labelling.undo().undone == first
        assert verdicts(labelling) == [RIGHT, SKIP, None], "what stood before stands again"
        labelling.undo()
        labelling.undo()
        assert verdicts(labelling) == [None, None, None]
        assert labelling.undo().undone == ""
        assert len(list(read_jsonl(run_dir / "marks.jsonl", Mark))) == 6, "nothing is ever rewritten"

    def test_another_session_continues_with_them(self, run_dir: Path) -> None:
        labelling = Labelling(run_dir, STAGE, n=3)
        labelling.mark(labelling.sample().items[1].row.id, WRONG)
        again = Labelling(run_dir, STAGE, n=3)
        assert verdicts(again) == [None, WRONG, None]
        again.undo()
        assert verdicts(Labelling(run_dir, STAGE, n=3)) == [None, None, None]

    def test_marks_of_other_messages_do_not_stand(self, run_dir: Path) -> None:
        labelling = Labelling(run_dir, STAGE, n=1)
        name = labelling.sample().items[0].row.id
        labelling.mark(name, RIGHT)
        path = run_dir / STAGE / "trajectories.jsonl"
        read = list(read_jsonl(path, Trajectory))
        longer = [one.model_copy(update={"messages": (*one.messages, one.messages[0])}) for one in read]
        write_jsonl(path, longer)
        assert verdicts(Labelling(run_dir, STAGE, n=1)) == [None]
        assert read_mark_agreements(run_dir) == ()

    @pytest.mark.slow
    def test_a_kill_loses_no_mark(self, run_dir: Path) -> None:
        """A process marks one attempt after another and says so; it is killed at a random one."""
        code = (
            "import sys; from pathlib import Path; from understudy.report import Labelling\n"
            f"labelling = Labelling(Path({str(run_dir)!r}), {STAGE!r}, n=40)\n"
            "for item in labelling.sample().items:\n"
            "    labelling.mark(item.row.id, 'right'); print(item.row.id, flush=True)\n"
        )
        said = []
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line.strip())
                if len(said) == 7:
                    os.kill(process.pid, signal.SIGKILL)
        stored = [one.trajectory_id for one in read_marks(run_dir / "marks.jsonl")]
        assert stored[: len(said)] == said
        assert len(said) >= 7


class TestAgreement:
    def marked(self, run_dir: Path, n: int = 20) -> Path:
        """A person who agrees with every verdict but the first."""
        scores = {one.trajectory_id: one.correct for one in read_jsonl(run_dir / STAGE / "scores.jsonl", Score)}
        labelling = Labelling(run_dir, STAGE, n=n)
        for number, item in enumerate(labelling.sample().items):
            is_right = scores[item.row.id] if number else not scores[item.row.id]
            labelling.mark(item.row.id, RIGHT if is_right else WRONG)
        return run_dir

    def test_document_and_terminal_have_it(self, run_dir: Path) -> None:
        before = collect(run_dir).version
        document = collect(self.marked(run_dir))
        assert document.version != before, "the viewer notices a mark"
        found = document.mark_agreements[0]
        assert [one.grader for one in document.mark_agreements] == ["all", "exact_match", "math"]
        assert (found.stage, found.n, found.n_same) == (STAGE, 20, 19)
        assert found.kappa is not None
        console = Console(file=io.StringIO(), width=140)
        console.print(show_run(run_dir, STAGE))
        shown = console.file.getvalue()  # type: ignore[attr-defined]
        assert "19 of 20" in shown
        assert f"{100 * found.rate:.1f}" in shown
        assert f"{found.kappa:.2f}" in shown

    def test_without_marks_nothing_is_said(self, run_dir: Path) -> None:
        assert collect(run_dir).mark_agreements == ()

    @pytest.mark.browser
    def test_the_report_has_it(self, run_dir: Path, open_page: OpenPage) -> None:
        from understudy.report import write_report

        page = open_page(write_report(self.marked(run_dir)).as_uri())
        table = page.locator("section.block", has=page.locator("#mark-agreement"))
        expect(table).to_contain_text("19 of 20")


class TestRequests:
    @pytest.fixture
    def client(self, run_dir: Path) -> TestClient:
        return TestClient(
            view_app(run_dir, labelling=Labelling(run_dir, STAGE, n=4)),
            base_url="http://127.0.0.1",
            raise_server_exceptions=False,
        )

    def test_marks_are_stored_and_answered(self, client: TestClient, run_dir: Path) -> None:
        name = client.get("/label/sample").json()["items"][0]["row"]["id"]
        assert client.get("/label/body", params={"id": name}).json()["trajectory"]["messages"]
        answer = client.post("/label/mark", json={"id": name, "verdict": "wrong"})
        assert answer.json()["items"][0]["mark"] == "wrong"
        assert [one.verdict for one in read_marks(run_dir / "marks.jsonl")] == [WRONG]
        assert client.post("/label/mark", json={}).json()["undone"] == name
        assert read_marks(run_dir / "marks.jsonl") == []

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({"content": '{"id": "x", "verdict": "right"}', "headers": {"content-type": "text/plain"}}, 403),
            ({"json": {"id": "x"}, "headers": {"origin": "http://evil.example"}}, 403),
            ({"json": {"id": "nobody", "verdict": "right"}}, 404),
            ({"json": {"id": "x", "verdict": "maybe"}}, 404),
            ({"content": "{", "headers": {"content-type": "application/json"}}, 404),
        ],
    )
    def test_other_requests_store_nothing(
        self, client: TestClient, run_dir: Path, options: dict[str, object], status: int
    ) -> None:
        assert client.post("/label/mark", **options).status_code == status  # type: ignore[arg-type]
        assert not (run_dir / "marks.jsonl").exists()
        assert client.get("/label/mark").status_code == 405
        assert client.get("/label/body", params={"id": "nobody"}).status_code == 404

    def test_a_mark_that_cannot_be_stored_is_said_and_not_counted(self, client: TestClient, run_dir: Path) -> None:
        (run_dir / "marks.jsonl").mkdir()
        name = client.get("/label/sample").json()["items"][0]["row"]["id"]
        answer = client.post("/label/mark", json={"id": name, "verdict": "right"})
        assert answer.status_code == 507
        assert "the mark is not stored" in answer.text
        assert "mark" not in client.get("/label/sample").json()["items"][0]

    def test_the_viewer_alone_has_no_such_page(self, run_dir: Path) -> None:
        client = TestClient(view_app(run_dir), base_url="http://127.0.0.1")
        assert client.get("/label/").status_code == 404
        assert client.post("/label/mark", json={}).status_code == 404


@pytest.mark.browser
class TestPage:
    def open(self, run_dir: Path, serve: Callable[..., str], open_page: OpenPage, n: int = 4) -> Page:
        address = serve(run_dir, Labelling(run_dir, STAGE, n=n))
        return open_page(f"{address}label/", allowed=address)

    def test_keys_mark_and_go_on_to_the_next(
        self, run_dir: Path, serve: Callable[..., str], open_page: OpenPage
    ) -> None:
        page = self.open(run_dir, serve, open_page)
        ids = []
        for number, key in enumerate("rws", 1):
            expect(page.locator(".label-status")).to_contain_text(f"{number} of 4")
            ids.append(page.locator(".attempt").get_attribute("aria-label"))
            for name in ("Right", "Wrong", "Skip", "Undo"):
                expect(page.locator(".label-buttons button", has_text=name)).to_be_in_viewport()
            page.keyboard.press(key)
        expect(page.locator(".label-status")).to_contain_text("4 of 4 · 1 right · 1 wrong · 1 skipped")
        marks = read_marks(run_dir / "marks.jsonl")
        assert [one.verdict for one in marks] == [RIGHT, WRONG, SKIP]
        assert [f"Attempt {one.trajectory_id}" for one in marks] == ids
        page.keyboard.press("u")
        expect(page.locator(".label-status")).to_contain_text("3 of 4 · 1 right · 1 wrong · 0 skipped")
        assert page.locator(".attempt").get_attribute("aria-label") == ids[2]

    def test_it_shows_no_verdict_until_all_are_marked(
        self, run_dir: Path, serve: Callable[..., str], open_page: OpenPage
    ) -> None:
        page = self.open(run_dir, serve, open_page, n=2)
        page.wait_for_selector(".attempt")
        assert page.locator(".explanation, .verdict, #mark-agreement").count() == 0
        page.keyboard.press("r")
        expect(page.locator(".label-status")).to_contain_text("2 of 2")
        page.get_by_role("button", name="Wrong").click()
        expect(page.locator(".label-done")).to_contain_text("All attempts of the sample are marked")
        expect(page.locator("section.block", has=page.locator("#mark-agreement"))).to_contain_text("of 2")

    def test_a_mark_can_be_looked_at_and_changed(
        self, run_dir: Path, serve: Callable[..., str], open_page: OpenPage
    ) -> None:
        page = self.open(run_dir, serve, open_page)
        page.wait_for_selector(".attempt")
        page.keyboard.press("r")
        expect(page.locator(".label-status")).to_contain_text("2 of 4")
        page.keyboard.press("k")
        expect(page.locator(".label-status")).to_contain_text("this one: right")
        expect(page.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("w")
        expect(page.locator(".label-status")).to_contain_text("2 of 4 · 0 right · 1 wrong")
        page.keyboard.press("m")
        page.wait_for_selector(".attempt > .message")
        page.keyboard.press("?")
        expect(page.locator("dialog.keys")).to_contain_text("undo")

    def test_a_mark_that_is_not_stored_stays_on_the_page_and_says_so(
        self, run_dir: Path, serve: Callable[..., str], browser: object
    ) -> None:
        address = serve(run_dir, Labelling(run_dir, STAGE, n=4))
        page = browser.new_page()  # type: ignore[attr-defined]  # the browser itself logs the failed request
        page.goto(f"{address}label/")
        page.wait_for_selector(".attempt")
        shown = page.locator(".attempt").get_attribute("aria-label")
        (run_dir / "marks.jsonl").mkdir()
        page.keyboard.press("r")
        expect(page.get_by_role("alert")).to_contain_text("the mark is not stored")
        assert page.locator(".attempt").get_attribute("aria-label") == shown
        page.close()

    @pytest.mark.slow
    def test_hostile_texts_are_texts(self, run_dir: Path, serve: Callable[..., str], open_page: OpenPage) -> None:
        hostile = add_hostile(run_dir)
        page = self.open(run_dir, serve, open_page, n=1000)
        sample = json.loads(page.evaluate("fetch('sample').then((one) => one.text())"))
        place = next(n for n, one in enumerate(sample["items"]) if one["row"]["id"] == hostile.id)
        for _ in range(place):
            page.keyboard.press("j")
        expect(page.locator(".label-status")).to_contain_text(f"{place + 1} of ")
        expect(page.locator(".attempt")).to_have_attribute("aria-label", f"Attempt {hostile.id}")
