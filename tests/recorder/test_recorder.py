"""The recorder against a real server: nothing changes for the client, everything is kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from typer.testing import CliRunner

from tests.recorder.conftest import Recorder, Start
from understudy.cli.app import app
from understudy.curation import ImportConfig, import_trajectories
from understudy.recorder import StoreError

KEY = "sk-very-secret-0123456789"
CLIENT = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""Each request has a connection of its own, as in the clients of many processes."""
PATHS = ("/v1/chat/completions", "/v1/responses")


def asked(path: str, text: str, **beside: object) -> dict[str, Any]:
    said = {"messages": [{"role": "user", "content": text}]} if "chat" in path else {"input": text}
    return {"model": "m", **said, **beside}


def post(url: str, path: str, body: object, **headers: str) -> httpx.Response:
    return CLIENT.post(f"{url}{path}", json=body, headers={"authorization": f"Bearer {KEY}", **headers})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_bytes_pass_unchanged_and_the_exchange_is_kept(here: Start, upstream: str, path: str, stream: bool) -> None:
    recorder = here()
    body = asked(path, "héllo [DONE] wörld", stream=stream)
    direct, through = post(upstream, path, body), post(recorder.url, path, body)
    assert through.content == direct.content
    assert through.status_code == direct.status_code
    assert through.headers["content-type"] == direct.headers["content-type"]
    (line,) = recorder.lines()
    assert line["request"] == body
    assert (line["status"], line["complete"], line["endpoint"]) == (200, True, path)
    said = line["response"]["output"][0]["content"][0] if "responses" in path else line["response"]["choices"][0]
    assert (said.get("text") or said["message"]["content"]) == "echo: héllo [DONE] wörld"
    if "chat" in path:
        assert line["response"]["usage"]["total_tokens"] == 5
        assert line["response"]["object"] == "chat.completion"


def test_keys_are_never_written(here: Start) -> None:
    recorder = here()
    post(recorder.url, PATHS[0], asked(PATHS[0], f"my key is {KEY}", api_key="abc", user="u"), **{"x-api-key": KEY})
    post(recorder.url, f"{PATHS[0]}?api-key={KEY}", asked(PATHS[0], "again"))
    written = b"".join(path.read_bytes() for path in recorder.folder.rglob("*") if path.is_file())
    assert written.count(b"echo: ") == 2
    assert KEY.encode() not in written
    assert b'"abc"' not in written


def test_other_paths_methods_headers_and_queries_pass_and_are_not_recorded(here: Start, upstream: str) -> None:
    recorder = here(to=f"{upstream}/v1")
    seen = httpx.get(
        f"{recorder.url}/v1/models?limit=2&after=%2F", headers={"x-own": "1", "x-understudy-client": "c"}
    ).json()
    assert seen["path"] == "/v1/models?limit=2&after=%2F"
    assert seen["headers"]["x-own"] == "1"
    assert seen["headers"]["host"] in upstream
    assert "x-understudy-client" not in seen["headers"]
    uploaded = httpx.put(f"{recorder.url}/v1/files", content=b"onetwo").json()
    assert uploaded["body"] == "onetwo"
    assert recorder.lines() == []


def test_an_agent_that_is_recorded_becomes_one_trajectory_with_its_feedback(here: Start) -> None:
    recorder = here()
    client = OpenAI(base_url=f"{recorder.url}/v1", api_key=KEY, default_headers={"x-understudy-conversation": "c7"})
    messages: list[Any] = [{"role": "user", "content": "Two and two?"}]
    first = client.chat.completions.create(model="m", messages=messages)
    messages += [{"role": "assistant", "content": first.choices[0].message.content}]
    messages += [{"role": "user", "content": "Sure?"}]
    stream = client.chat.completions.create(model="m", messages=messages, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == "echo: Sure?"
    feedback = {"conversation": "c7", "correct": True, "reference": "4", "comment": "fine"}
    assert httpx.post(f"{recorder.url}/understudy/feedback", json=feedback).json() == {"stored": True}
    found = import_trajectories(ImportConfig(path=recorder.folder))
    ((trajectory, score),) = found.attempts
    assert found.report.joined == 1
    assert [one.content for one in trajectory.messages] == [
        "Two and two?",
        "echo: Two and two?",
        "Sure?",
        "echo: Sure?",
    ]
    assert score is not None
    assert (score.correct, score.explanation, trajectory.task.answer) == (True, "fine", "4")
    assert trajectory.task.metadata == {"conversation": "c7"}


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"conversation": "c"}, "expected score, correct, reference or comment"),
        ({"correct": True}, "expected conversation or response_id"),
        ({"conversation": "c", "score": 2}, "score"),
        ({"conversation": "c", "note": "x", "score": 1}, "note"),
        (None, "feedback"),
    ],
)
def test_odd_feedback_is_refused_with_its_field(here: Start, body: object, what: str) -> None:
    answer = httpx.post(f"{here().url}/understudy/feedback", json=body)
    assert answer.status_code == 422
    assert what in answer.json()["error"]["message"]


def test_a_token_is_wanted_in_the_header_or_in_the_path(here: Start) -> None:
    recorder = here(token="t0ken-of-ours")
    body = asked(PATHS[0], "hello")
    assert post(recorder.url, PATHS[0], body).status_code == 401
    assert post(recorder.url, PATHS[0], body, **{"x-understudy-token": "wrong"}).status_code == 401
    assert post(recorder.url, PATHS[0], body, **{"x-understudy-token": "t0ken-of-ours"}).status_code == 200
    assert post(f"{recorder.url}/t0ken-of-ours", PATHS[0], body).status_code == 200
    written = b"".join(path.read_bytes() for path in recorder.folder.glob("exchanges-*"))
    assert written.count(b"\n") == 2
    assert b"t0ken-of-ours" not in written


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--upstream=http://127.0.0.1:1", "--host=0.0.0.0"], "give a token too"),
        (["--upstream=api.example.org"], "did you mean http://api.example.org"),
        (["--upstream=http://127.0.0.1:1", "--port=99999"], "port"),
    ],
)
def test_odd_options_are_refused_before_anything_starts(tmp_path: Path, options: list[str], said: str) -> None:
    ended = CliRunner().invoke(app, ["record", f"--out={tmp_path / 'traces'}", *options])
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.replace("│", " ").split())
    assert not (tmp_path / "traces").exists()


def test_two_recorders_do_not_write_to_one_folder(here: Start) -> None:
    here()
    with pytest.raises(StoreError, match="another recorder writes there"):
        here()


def test_an_upstream_that_cannot_be_reached_is_a_502_that_says_so(here: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    recorder = here(to=f"http://127.0.0.1:{port}")
    answer = post(recorder.url, PATHS[0], asked(PATHS[0], "hello"))
    assert answer.status_code == 502
    assert f"127.0.0.1:{port} cannot be reached" in answer.json()["error"]["message"]
    assert [(line["status"], line["complete"]) for line in recorder.lines()] == [(502, False)]


def outcome(url: str, path: str, body: dict[str, Any]) -> tuple[object, ...]:
    """What a client sees: status and bytes, or the kind of failure."""
    try:
        answer = post(url, path, body)
    except httpx.RemoteProtocolError:
        return ("broken off",)
    return ("refused",) if answer.status_code == 502 else (answer.status_code, answer.content)


def test_with_faults_at_a_third_of_the_requests_nothing_is_lost_or_changed(here: Start, upstream: str) -> None:
    recorder = here()
    faults = ["", "fault:500 ", "", "", "fault:cut ", "", "", "fault:drop ", "", ""]
    asks = [
        (path, asked(path, f"{faults[number % 10]}n{number}", stream=bool(number // 2 % 2)))
        for number in range(120)
        for path in [PATHS[number % 2]]
    ]
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda ask: outcome(recorder.url, *ask), asks))
        direct = list(pool.map(lambda ask: outcome(upstream, *ask), asks))
    for (_, body), mine, theirs in zip(asks, seen, direct, strict=True):
        # Without an answer at all, the one sees a closed connection and the other a 502; both may be tried again.
        expected = ("refused",) if "fault:drop" in json.dumps(body) else theirs
        assert mine == expected, body
    lines = recorder.lines()
    assert len(lines) == len(asks)
    for path, body in asks:
        (line,) = [one for one in lines if one["request"] == body and one["endpoint"] == path]
        said = json.dumps(body)
        assert line["complete"] is ("fault:cut" not in said and "fault:drop" not in said), body
        assert line["status"] == (500 if "fault:500" in said else 502 if "fault:drop" in said else 200)
    found = import_trajectories(ImportConfig(path=recorder.folder))
    assert found.report.conversations == 84
    assert found.report.refused == {"provider_error": 24, "unfinished": 12}
    assert recorder.health()["stored"] == 120


def test_a_client_that_leaves_in_mid_stream_is_kept_as_unfinished_and_the_upstream_is_let_go(here: Start) -> None:
    recorder = here()
    body = asked(PATHS[0], "pause " + "word " * 200, stream=True)
    with httpx.stream("POST", f"{recorder.url}{PATHS[0]}", json=body) as answer:
        next(answer.iter_raw())
    deadline = threading.Event()
    for _ in range(200):
        if recorder.lines():
            break
        deadline.wait(0.05)
    (line,) = recorder.lines()
    assert line["complete"] is False
    assert len(line["response"]["choices"][0]["message"]["content"]) < len("word " * 200)
    assert post(recorder.url, PATHS[0], asked(PATHS[0], "still here?")).status_code == 200


FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
"""


def test_a_full_disk_costs_no_answer_and_leaves_no_torn_line(start: Start) -> None:
    recorder = start(preamble=FULL_DISK)
    answers = [post(recorder.url, PATHS[0], asked(PATHS[0], f"n{number} " * 20)) for number in range(12)]
    assert [one.status_code for one in answers] == [200] * 12
    figures = recorder.health()
    assert figures["stored"] + figures["not_stored"] == 12
    assert 0 < figures["stored"] < 12
    assert len(recorder.lines()) == figures["stored"]
    feedback = httpx.post(f"{recorder.url}/understudy/feedback", json={"conversation": "c", "comment": "x" * 2000})
    assert feedback.status_code == 507
    assert "an exchange was not stored" in recorder.stop()


def test_at_the_bound_of_the_disk_answers_pass_and_it_is_said(here: Start) -> None:
    recorder = here(max_bytes=2000)
    answers = [post(recorder.url, PATHS[0], asked(PATHS[0], f"n{number} " * 20)) for number in range(12)]
    assert [one.status_code for one in answers] == [200] * 12
    assert recorder.health()["bytes"] <= 2000
    assert 0 < len(recorder.lines()) < 12
    assert "has reached its limit" in recorder.said[0]


def test_a_kill_loses_nothing_that_was_answered(start: Start) -> None:
    recorder = start()
    answered: list[str] = []

    def ask_until_killed(worker: int) -> None:
        for number in range(10_000):
            path = PATHS[number % 2]
            body = asked(path, f"w{worker} n{number}", stream=bool(number // 2 % 2))
            try:
                answer = post(recorder.url, path, body)
            except httpx.HTTPError:
                return
            assert answer.status_code == 200
            answered.append(f"w{worker} n{number}")

    threads = [threading.Thread(target=ask_until_killed, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    while len(answered) < 60:
        threading.Event().wait(0.01)
    assert recorder.process is not None
    os.kill(recorder.process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    kept = {json.dumps(line["request"]) for line in whole_lines(recorder)}
    assert len(answered) >= 60
    assert [one for one in answered if not any(f'"{one}"' in line for line in kept)] == []


def whole_lines(recorder: Recorder) -> list[dict[str, Any]]:
    paths = recorder.folder.glob("exchanges-*.jsonl")
    texts = [path.read_text() for path in paths]
    return [json.loads(line) for text in texts for line in text.split("\n")[:-1]]


def test_answers_under_way_are_finished_when_it_is_stopped(start: Start) -> None:
    recorder = start()
    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(post, recorder.url, PATHS[0], asked(PATHS[0], "slow:1.0"))
        threading.Event().wait(0.4)
        said = recorder.stop()
        assert under_way.result().status_code == 200
    assert len(recorder.lines()) == 1
    assert "stored: 1, not stored: 0" in said
