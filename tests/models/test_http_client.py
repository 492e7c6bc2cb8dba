"""Requests to a server of a model, against a real server that shows what came."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from understudy.models.http_client import HttpClient, UnreachableError
from understudy.models.refusals import RefusalError
from understudy.proxies import proxy_of


class Mirror(BaseHTTPRequestHandler):
    """Answers with what came; ``/moved`` leads to ``/there`` at ``moves_to``."""

    protocol_version = "HTTP/1.1"
    moves_to = ""
    connections: set[tuple[str, int]] = set()

    def do_POST(self) -> None:
        self.connections.add(self.client_address)
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        came = {
            "path": self.path,
            "body": json.loads(content),
            "headers": {k.lower(): v for k, v in self.headers.items()},
        }
        if self.path.startswith("/v1/moved"):
            self._say(307, b"", ("location", f"{self.moves_to}/there"))
        elif self.path.startswith("/v1/silent"):
            time.sleep(1)
        elif self.path.startswith("/v1/busy"):
            self._say(429, b'{"error": "busy"}', ("retry-after", "7"))
        elif self.path.startswith("/v1/half"):
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.close_connection = True
        else:
            self._say(200, json.dumps(came).encode())

    def _say(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def mirror() -> Iterator[tuple[str, type[Mirror]]]:
    handler = type("Own", (Mirror,), {"connections": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()


def test_a_request_has_its_body_its_key_and_the_query_of_the_base_url() -> None:
    with mirror() as (url, _), HttpClient(f"{url}/v1/?api-version=7", "secret", 5, 4) as client:
        came = json.loads(client.post("/chat/completions", {"text": "née \n"}))
        elsewhere = json.loads(client.post(f"{url}/tokenize", {}))
    assert came["path"] == "/v1/chat/completions?api-version=7"
    assert came["body"] == {"text": "née \n"}
    assert came["headers"]["authorization"] == "Bearer secret"
    assert came["headers"]["user-agent"].startswith("understudy/")
    assert elsewhere["path"] == "/tokenize?api-version=7"


def test_connections_are_used_again() -> None:
    with mirror() as (url, handler), HttpClient(f"{url}/v1", "none", 5, 4) as client:
        for _ in range(5):
            client.post("/x", {})
    assert len(handler.connections) == 1


def test_a_redirect_keeps_the_body_and_gives_the_key_to_no_other_host() -> None:
    with mirror() as (url, handler), HttpClient(f"{url}/v1", "secret", 5, 4) as client:
        handler.moves_to = url
        same = json.loads(client.post("/moved", {"a": 1}))
        handler.moves_to = url.replace("127.0.0.1", "localhost")
        other = json.loads(client.post("/moved", {"a": 1}))
    assert (same["path"], same["body"]) == ("/there", {"a": 1}) == (other["path"], other["body"])
    assert same["headers"]["authorization"] == "Bearer secret"
    assert "authorization" not in other["headers"]


def test_a_refusal_has_its_status_and_the_wait_that_is_asked_for() -> None:
    with mirror() as (url, _), HttpClient(f"{url}/v1", "none", 5, 4) as client, pytest.raises(RefusalError) as caught:
        client.post("/busy", {})
    assert (caught.value.status, caught.value.retry_after) == (429, "7")


@pytest.mark.parametrize(
    ("path", "reason"), [("/silent", "the server was silent for 0.3 s"), ("/half", "IncompleteRead")]
)
def test_a_missing_answer_is_named(path: str, reason: str) -> None:
    with (
        mirror() as (url, _),
        HttpClient(f"{url}/v1", "none", 0.3, 4) as client,
        pytest.raises(UnreachableError, match=reason),
    ):
        client.post(path, {})


def test_a_closed_port_is_named() -> None:
    with mirror() as (url, _):
        pass
    with HttpClient(url, "none", 5, 4) as client, pytest.raises(UnreachableError, match=r"Connection ?[Rr]efused"):
        client.get("/models")


def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror() as (url, _):
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("no_proxy", "direct.example")
        with HttpClient("http://model.example/v1", "none", 5, 4) as client:
            assert json.loads(client.post("/x", {}))["path"] == "http://model.example/v1/x"
        assert proxy_of("http://direct.example/v1") is None


def test_a_proxy_gets_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror() as (url, _):
        monkeypatch.setenv("http_proxy", url.replace("//", "//us%40er:p%3Aw@"))
        with HttpClient("http://model.example/v1", "none", 5, 4) as client:
            came = json.loads(client.post("/x", {}))
    assert b64decode(came["headers"]["proxy-authorization"].removeprefix("Basic ")) == b"us@er:p:w"


def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ValueError, match="names the proxy socks5://"):
        HttpClient("http://model.example/v1", "none", 5, 4)


def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    with mirror() as (url, _), HttpClient(f"{url}/v1", "none", 5, 4) as client:
        assert json.loads(client.post("/x", {"text": "a \ud83d b \U0001f600"}))["body"] == {"text": "a ? b \U0001f600"}


def test_all_proxy_is_for_servers_without_a_proxy_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    assert proxy_of("https://api.example/v1") == "http://proxy.example:3128"
