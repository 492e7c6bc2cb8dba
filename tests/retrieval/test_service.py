from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from pydantic import ValidationError

from understudy.retrieval import (
    BadQueryError,
    Hit,
    HttpConfig,
    Passage,
    RetrievalError,
    ServiceConfig,
    lexical_retriever,
    open_retriever,
)
from understudy.retrieval.batching import BatchingRetriever
from understudy.retrieval.serving import own, running_server

ANYWHERE = ServiceConfig(port=0)


@pytest.fixture(scope="module")
def owned(passages: list[Passage]) -> Iterator[BatchingRetriever]:
    retriever = own(lexical_retriever(passages), ANYWHERE)
    yield retriever
    retriever.close()


@pytest.fixture(scope="module")
def url(owned: BatchingRetriever) -> Iterator[str]:
    with running_server(owned, ANYWHERE) as address:
        yield address


def texts(passages: Sequence[Passage], n: int) -> list[str]:
    return [" ".join(passage.text.split()[:5]) for passage in passages[:n]]


def test_the_same_ids_and_scores_by_every_path(url: str, owned: BatchingRetriever, passages: list[Passage]) -> None:
    queries = texts(passages, 60)
    alone = lexical_retriever(passages)
    expected = [alone.search([query], 4)[0] for query in queries]
    client = open_retriever(HttpConfig(url=url))
    assert alone.search(queries, 4) == expected
    assert owned.search(queries, 4) == expected
    assert client.search(queries, 4) == expected  # computed
    assert [client.search([query], 4)[0] for query in queries] == expected  # from the cache
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda query: client.search([query], 4)[0], queries)) == expected
    client.close()


def test_replies_are_those_of_search_r1(url: str, passages: list[Passage]) -> None:
    query = passages[3].text
    scored = httpx.post(f"{url}/retrieve", json={"queries": [query], "topk": 2, "return_scores": True}).json()
    first = scored["result"][0][0]
    assert first["document"] == {"id": "p3", "contents": f'"Town 3"\n{query}'}
    assert isinstance(first["score"], float)
    bare = httpx.post(f"{url}/retrieve", json={"queries": [query], "topk": 2, "return_scores": False}).json()
    assert bare == {"result": [[hit["document"] for hit in scored["result"][0]]]}
    by_default = httpx.post(f"{url}/retrieve", json={"queries": [query, query]}).json()
    assert [len(hits) for hits in by_default["result"]] == [3, 3]
    assert httpx.post(f"{url}/retrieve", json={"queries": [], "topk": 2}).json() == {"result": []}


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        (b"not json", 400, "body"),
        (b'{"topk": 3}', 400, "queries"),
        (b'{"queries": "one"}', 400, "queries"),
        (b'{"queries": ["a"], "topk": 0}', 400, "topk"),
        (b'{"queries": ["a"], "top_k": 3}', 400, "top_k"),
        (b'{"queries": [3]}', 400, "queries.0"),
        (b'{"queries": ["' + b"a" * 5_000_000 + b'"]}', 413, "at most"),
    ],
)
def test_other_bodies_are_refused_with_a_reason(url: str, body: bytes, status: int, complaint: str) -> None:
    reply = httpx.post(f"{url}/retrieve", content=body)
    assert reply.status_code == status
    assert complaint in reply.json()["error"]


def test_other_places_are_refused(url: str) -> None:
    assert httpx.get(f"{url}/retrieve").status_code == 405
    assert httpx.post(f"{url}/other").status_code == 404


def test_health_and_metrics_say_what_happens(url: str) -> None:
    assert httpx.get(f"{url}/health").json()["status"] == "ok"
    before = metrics(url)
    httpx.post(f"{url}/retrieve", json={"queries": ["new words", "new words"]})
    after = metrics(url)
    assert after["understudy_retrieval_queries_total"] == before["understudy_retrieval_queries_total"] + 2
    assert after["understudy_retrieval_merged_total"] == before["understudy_retrieval_merged_total"] + 1
    assert after['understudy_requests_total{status="200"}'] > 0


def metrics(url: str) -> dict[str, float]:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_any_other_interface_needs_a_token(monkeypatch: pytest.MonkeyPatch, owned: BatchingRetriever) -> None:
    with pytest.raises(ValidationError, match="token_env"):
        ServiceConfig(host="0.0.0.0")
    monkeypatch.delenv("RETRIEVAL_TOKEN", raising=False)
    config = ServiceConfig(host="127.0.0.1", port=0, token_env="RETRIEVAL_TOKEN")
    with pytest.raises(ValueError, match="RETRIEVAL_TOKEN"):
        config.token()
    monkeypatch.setenv("RETRIEVAL_TOKEN", "open sesame")
    with running_server(owned, config) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        for place in (httpx.get(f"{url}/metrics"), httpx.post(f"{url}/retrieve", json={"queries": ["a"]})):
            assert place.status_code == 401
        stranger = open_retriever(HttpConfig(url=url))
        with pytest.raises(RetrievalError, match="401"):
            stranger.search(["a"], 1)
        friend = open_retriever(HttpConfig(url=url, token_env="RETRIEVAL_TOKEN"))
        assert len(friend.search(["Town"], 1)[0]) == 1
        stranger.close()
        friend.close()


class SlowEngine:
    """Answers when the gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        self.gate.wait(30)
        if "fail" in queries:
            raise OSError("the disk is gone")
        return [[Hit(Passage("1", "T", query), 1.0)] for query in queries]

    def close(self) -> None:
        self.gate.set()


def test_a_full_queue_says_when_to_come_back_and_the_client_does() -> None:
    engine = SlowEngine()
    config = ServiceConfig(port=0, max_batch=1, max_waiting=1)
    retriever = own(engine, config)
    with running_server(retriever, config) as url, ThreadPoolExecutor(4) as pool:
        patient = open_retriever(HttpConfig(url=url, attempts=20))
        answers = [pool.submit(patient.search, [f"q{number}"], 1) for number in range(4)]
        hasty = httpx.Client()
        deadline = time.monotonic() + 30
        while retriever.n_waiting < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        reply = hasty.post(f"{url}/retrieve", json={"queries": ["x"]}, timeout=30)
        assert reply.status_code == 503
        assert reply.headers["Retry-After"] == "1"
        engine.gate.set()
        assert [answer.result(60)[0][0].passage.text for answer in answers] == ["q0", "q1", "q2", "q3"]
        hasty.close()
        patient.close()
    retriever.close()


def test_a_failing_engine_is_a_reply_not_a_crash() -> None:
    engine = SlowEngine()
    engine.gate.set()
    retriever = own(engine, ANYWHERE)
    with running_server(retriever, ANYWHERE) as url:
        client = open_retriever(HttpConfig(url=url))
        with pytest.raises(RetrievalError, match="the disk is gone"):
            client.search(["fail"], 1)
        assert client.search(["fine"], 1)[0][0].passage.text == "fine"
        client.close()
    retriever.close()


def test_a_client_that_leaves_does_not_take_the_answer_with_it() -> None:
    engine = SlowEngine()
    retriever = own(engine, ANYWHERE)
    with running_server(retriever, ANYWHERE) as url, ThreadPoolExecutor(1) as pool:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/retrieve", json={"queries": ["shared"]}, timeout=0.2)
        client = open_retriever(HttpConfig(url=url))
        answer = pool.submit(client.search, ["shared"], 3)
        engine.gate.set()
        assert answer.result(30)[0][0].passage.text == "shared"
        client.close()
    retriever.close()


def test_a_port_that_is_taken_is_reported(owned: BatchingRetriever) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = ServiceConfig(port=taken.getsockname()[1])
        with pytest.raises(RetrievalError, match="did not start"), running_server(owned, config):
            pytest.fail("it cannot have started")


def test_nobody_there_is_a_retrieval_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = open_retriever(HttpConfig(url=f"http://127.0.0.1:{port}", attempts=2, max_pause_s=0.01))
    with pytest.raises(RetrievalError, match="after 2 attempts"):
        client.search(["a"], 1)
    client.close()


class OddServer(BaseHTTPRequestHandler):
    """Plays another server of /retrieve: first busy, then what the class says."""

    reply: bytes = b"{}"
    n_busy = 0
    n_answered = 1 << 30

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        busy = type(self).n_busy > 0
        type(self).n_busy -= 1
        type(self).n_answered -= 1
        self.send_response(503 if busy else 200 if self.n_answered >= 0 else 422)
        body = b"busy" if busy else self.reply
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    "reply", [b"{}", b"not json", b'{"result": []}', b'{"result": [[{"id": "1", "body_vector": [1]}]]}']
)
def test_a_server_that_answers_nonsense_is_a_retrieval_error(reply: bytes) -> None:
    with odd_server(reply, 0) as url:
        client = open_retriever(HttpConfig(url=url))
        with pytest.raises(RetrievalError):
            client.search(["a"], 1)
        client.close()


@pytest.mark.parametrize("end", ["", "/", "/retrieve", "/retrieve/"])
def test_other_servers_of_this_kind_are_read(end: str) -> None:
    reply = json.dumps({"result": [[{"document": {"contents": '"Aaron"\nA prophet.', "url": 1}}]]}).encode()
    with odd_server(reply, 0) as url:
        client = open_retriever(HttpConfig(url=url + end))
        ((hit,),) = client.search(["a"], 3)
        assert (hit.passage.title, hit.passage.text, hit.score) == ("Aaron", "A prophet.", None)
        client.close()


@pytest.mark.parametrize("url", ["localhost:8000", "127.0.0.1:8000/retrieve", "ftp://x", ""])
def test_an_address_needs_its_scheme(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        HttpConfig(url=url)


def test_a_query_is_at_fault_only_where_others_are_answered() -> None:
    with odd_server(b'{"result": [["x"]]}', 0) as url:
        client = open_retriever(HttpConfig(url=url))
        with pytest.raises(BadQueryError, match="cannot be sent"):
            client.search(["x" * 30_000], 1)
        assert client.search(["fine"], 1)[0][0].passage.text == "x"
        client.close()
    with refusing_server(n_answered=1) as url:
        client = open_retriever(HttpConfig(url=url))
        client.search(["fine"], 1)
        with pytest.raises(BadQueryError, match="422"):
            client.search(["odd"], 1)
        client.close()
    with refusing_server(n_answered=0) as url:
        client = open_retriever(HttpConfig(url=url))
        with pytest.raises(RetrievalError, match="422") as raised:
            client.search(["any"], 1)
        assert not isinstance(raised.value, BadQueryError)
        client.close()


def test_a_server_of_search_r1_is_understood_after_being_busy() -> None:
    document = {"id": "7", "contents": '"Aaron"\nAaron was a prophet.'}
    reply = json.dumps({"result": [[{"document": document, "score": 0.87}]]}).encode()
    with odd_server(reply, 2) as url:
        client = open_retriever(HttpConfig(url=url, max_pause_s=0.01))
        assert client.search(["a"], 1) == [[Hit(Passage("7", "Aaron", "Aaron was a prophet."), 0.87)]]
        client.close()


def refusing_server(n_answered: int) -> odd_server:
    return odd_server(b'{"result": [["x"]]}', 0, n_answered)


class odd_server:  # noqa: N801  reads as a function at its uses
    def __init__(self, reply: bytes, n_busy: int, n_answered: int = 1 << 30) -> None:
        kind = type("Kind", (OddServer,), {"reply": reply, "n_busy": n_busy, "n_answered": n_answered})
        self._server = HTTPServer(("127.0.0.1", 0), kind)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
