"""A second model that is asked beside the first: the client's answer is never delayed or changed; drops are counted.

The upstream of these tests is also the shadow; the name by which the shadow's model is called says what it does.
"""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.recorder.conftest import Recorder, Start
from tests.recorder.test_recorder import KEY, PATHS, asked, post
from understudy.cli.app import app
from understudy.curation import ImportConfig, import_trajectories
from understudy.recorder import ShadowConfig


def shadowed(here: Start, upstream: str, **options: Any) -> Recorder:
    return here(shadow=ShadowConfig(**{"url": upstream, "share": 1.0, **options}))


def until_settled(recorder: Recorder, n: int) -> dict[str, Any]:
    """Wait until ``n`` requests have been answered by the shadow, have failed or were dropped."""
    for _ in range(400):
        figures: dict[str, Any] = recorder.health()["shadow"]
        if figures["answered"] + figures["failed"] + figures["dropped"] >= n:
            return figures
        threading.Event().wait(0.05)
    raise TimeoutError(str(recorder.health()))


def shadow_lines(recorder: Recorder) -> list[dict[str, Any]]:
    return [line for line in recorder.lines() if "shadow_of" in line]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_both_replies_are_kept_and_the_answer_is_the_upstreams(
    here: Start, upstream: str, path: str, stream: bool
) -> None:
    recorder = shadowed(here, f"{upstream}/v1", model="student")
    body = asked(path, "hello", stream=stream)
    assert post(recorder.url, path, body).content == post(upstream, path, body).content
    assert until_settled(recorder, 1) == {"answered": 1, "failed": 0, "dropped": 0, "waiting": 0}
    exchange, shadow = recorder.lines()
    assert shadow["shadow_of"] == exchange["id"]
    assert (shadow["status"], shadow["model"]) == (200, "student")
    assert "echo: hello" in json.dumps(shadow["response"]), "the shadow's answer is whole, also if the client streams"
    assert exchange["request"] == body


def test_the_shadow_sees_no_key_of_the_client_and_its_own(here: Start) -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            listening.settimeout(60)
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

        thread = threading.Thread(target=answer)
        thread.start()
        recorder = shadowed(here, f"http://127.0.0.1:{listening.getsockname()[1]}", key="sk-of-the-shadow")
        assert post(recorder.url, PATHS[0], asked(PATHS[0], "hello")).status_code == 200
        thread.join()
    assert KEY.encode() not in seen[0]
    assert b"Bearer sk-of-the-shadow" in seen[0]
    until_settled(recorder, 1)
    assert b"sk-of-the-shadow" not in b"".join(one.read_bytes() for one in recorder.folder.glob("exchanges-*"))


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [("fault:500", 500, ""), ("fault:drop", 0, "RemoteProtocolError"), ("slow:600", 0, "no answer within 0.3 s")],
)
def test_a_shadow_that_fails_or_hangs_is_said_and_costs_no_answer(
    here: Start, upstream: str, model: str, status: int, said: str
) -> None:
    recorder = shadowed(here, upstream, model=model, timeout_s=0.3)
    assert post(recorder.url, PATHS[0], asked(PATHS[0], "hello")).status_code == 200
    assert until_settled(recorder, 1)["failed"] == 1
    (line,) = shadow_lines(recorder)
    assert line["status"] == status
    assert said in line.get("error", "")


def test_a_shadow_that_is_down_is_said_and_costs_no_answer(here: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    recorder = shadowed(here, f"http://127.0.0.1:{port}")
    for number in range(5):
        assert post(recorder.url, PATHS[0], asked(PATHS[0], f"n{number}")).status_code == 200
    assert until_settled(recorder, 5)["failed"] == 5
    assert {"ConnectError"} == {line["error"].partition(":")[0] for line in shadow_lines(recorder)}


def test_a_hanging_shadow_holds_up_nobody_and_what_cannot_wait_is_dropped(here: Start, upstream: str) -> None:
    recorder = shadowed(here, upstream, model="slow:600", at_once=2, waiting=3)
    bodies = [asked(PATHS[0], f"n{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: post(recorder.url, PATHS[0], body), bodies))
    assert [one.status_code for one in answers] == [200] * 40
    figures = until_settled(recorder, 35)
    assert figures == {"answered": 0, "failed": 0, "dropped": 35, "waiting": 5}
    assert len(recorder.lines()) == 40


def test_a_slow_shadow_answers_later(here: Start, upstream: str) -> None:
    recorder = shadowed(here, upstream, model="slow:0.5")
    answer = post(recorder.url, PATHS[0], asked(PATHS[0], "hello"))
    assert answer.status_code == 200
    assert recorder.health()["shadow"]["answered"] == 0
    assert until_settled(recorder, 1)["answered"] == 1


def test_conversations_are_shadowed_completely_and_by_their_share(here: Start, upstream: str) -> None:
    recorder = shadowed(here, upstream, share=0.5)
    for number in range(40):
        messages = [{"role": "user", "content": f"question {number}"}]
        for turn in range(2):
            body = {"model": "m", "messages": [{"role": "system", "content": f"turn {turn}"}, *messages]}
            reply = post(recorder.url, PATHS[0], body).json()["choices"][0]["message"]
            messages = [*messages, reply, {"role": "user", "content": "and?"}]
    chosen = {line["shadow_of"] for line in _settled(recorder)}
    by_question: dict[str, list[bool]] = {}
    for line in recorder.lines():
        if "request" in line:
            by_question.setdefault(line["request"]["messages"][1]["content"], []).append(line["id"] in chosen)
    assert all(len(set(found)) == 1 for found in by_question.values())
    assert 8 <= sum(found[0] for found in by_question.values()) <= 32


def _settled(recorder: Recorder) -> list[dict[str, Any]]:
    """The shadow's lines once no more come."""
    before = -1
    while len(lines := shadow_lines(recorder)) != before or recorder.health()["shadow"]["waiting"]:
        before = len(lines)
        threading.Event().wait(0.3)
    return lines


def test_an_upstream_that_failed_has_nothing_to_compare(here: Start, upstream: str) -> None:
    recorder = shadowed(here, upstream)
    assert post(recorder.url, PATHS[0], asked(PATHS[0], "fault:500")).status_code == 500
    assert post(recorder.url, PATHS[0], asked(PATHS[0], "hello")).status_code == 200
    assert until_settled(recorder, 1)["answered"] == 1
    assert len(shadow_lines(recorder)) == 1


def test_the_report_counts_agreement_and_failures_and_the_import_ignores_shadows(here: Start, upstream: str) -> None:
    recorder = shadowed(here, upstream, model="m")
    for number in range(6):
        text = f"slow:0.0 n{number}"
        headers = {"x-understudy-conversation": f"c{number // 2}"}
        assert post(recorder.url, PATHS[number % 2], asked(PATHS[number % 2], text), **headers).status_code == 200
    until_settled(recorder, 6)
    out = recorder.folder.parent / "rows.jsonl"
    shown = CliRunner().invoke(app, ["shadow", str(recorder.folder), "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "Shadow at 6 stored steps of 3 conversations" in shown.output
    assert "final answer" in shown.output
    assert "stop → stop 6" in shown.output
    assert len(out.read_text().splitlines()) == 6
    report = import_trajectories(ImportConfig(path=recorder.folder)).report
    assert (report.conversations, report.other, report.refused) == (6, {"shadow": 6}, {})


def test_without_a_shadow_the_report_says_what_is_missing(here: Start) -> None:
    recorder = here()
    post(recorder.url, PATHS[0], asked(PATHS[0], "hello"))
    shown = CliRunner().invoke(app, ["shadow", str(recorder.folder)])
    assert "expected replies of a shadow" in str(shown.exception)


def test_what_waits_for_the_shadow_does_not_delay_the_end(here: Start, upstream: str) -> None:
    from understudy.recorder import RecorderConfig, recording

    said: list[str] = []
    folder = here().folder.parent / "others"
    second = ShadowConfig(url=upstream, share=1.0, model="slow:600", at_once=1)
    with recording(RecorderConfig(upstream=upstream, folder=folder, port=0, shadow=second), say=said.append) as url:
        for number in range(3):
            assert post(url, PATHS[0], asked(PATHS[0], f"n{number}")).status_code == 200
        while httpx.get(f"{url}/understudy/health").json()["shadow"]["waiting"] < 3:
            threading.Event().wait(0.05)
    assert "shadow: answered 0, failed 0, dropped 3" in said


def test_odd_options_of_a_shadow_are_refused(here: Start) -> None:
    folder = str(here().folder.parent / "none")
    options = ["record", "--upstream=http://127.0.0.1:1", f"--out={folder}", "--shadow=student", "--shadow-share=2"]
    ended = CliRunner().invoke(app, options)
    assert ended.exit_code == 2
    said = " ".join(ended.output.replace("│", " ").split())
    assert "expected a URL such as http" in said
    assert "share" in said
