"""Connections of clients to the recorder."""

from __future__ import annotations

import http.client
import threading
from contextlib import closing
from urllib.parse import urlsplit

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
