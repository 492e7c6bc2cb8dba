"""Connections of clients to the recorder."""

from __future__ import annotations

import http.client
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.recorder.conftest import Start


@pytest.mark.slow
def test_an_idle_connection_outlives_the_five_seconds_that_clients_keep_it(here: Start) -> None:
    with closing(http.client.HTTPConnection(urlsplit(here().url).netloc, timeout=60)) as connection:
        connection.auto_open = 0  # a second connection would be an error
        connection.connect()
        for wait_s in (7, 0):
            connection.request("GET", "/understudy/health")
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)
            threading.Event().wait(wait_s)


def test_a_proxy_of_the_environment_is_used_except_for_hosts_without_one(
    here: Start, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", upstream)
    through = here(to="http://elsewhere.invalid")
    assert httpx.get(f"{through.url}/v1/models", trust_env=False).json()["path"] == "http://elsewhere.invalid/v1/models"
    monkeypatch.setenv("no_proxy", "elsewhere.invalid")
    direct = here(to="http://elsewhere.invalid", folder=through.folder.parent / "direct")
    assert httpx.get(f"{direct.url}/v1/models", trust_env=False).status_code == 502


def test_a_client_key_passes_where_netrc_has_another(
    here: Start, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1\nlogin other\npassword secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    url = f"{here().url}/v1/models"
    for sent in ({"authorization": "Bearer own"}, {}):
        seen = httpx.get(url, headers=sent, trust_env=False).json()["headers"]
        assert seen.get("authorization") == sent.get("authorization")
