"""A machine without the Hub: what is not there is said within seconds, and what is cached is used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.hub import hub_or_cache, why_unreachable

LOADS = """
from understudy.datafiles import hub_rows
from understudy.models.loading import load_settings, load_tokenizer
from understudy.retrieval.transformer_encoder import TransformerEncoder, TransformerEncoderConfig
from understudy.training.loading import limits_of

def encoder(name):
    return TransformerEncoder(TransformerEncoderConfig(model=name))

for load, name in ((load_tokenizer, "demo/base"), (load_settings, "demo/base"), (limits_of, "some-model"),
                   (encoder, "demo/encoder"), (hub_rows, "someone/questions")):
    try:
        print(list(load(name)))
    except Exception as error:
        print(error)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_without_the_hub_what_is_missing_is_an_error_at_once(tmp_path: Path) -> None:
    """Its libraries ask again and again for a minute and longer, which their log would show."""
    endpoint = f"http://127.0.0.1:{free_port()}"
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", LOADS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = ran.stdout.splitlines()
    names = ("demo/base", "demo/base", "some-model", "demo/encoder", "someone/questions")
    assert [name for name, line in zip(names, said, strict=True) if name not in line] == []
    assert [line for line in said if f"{endpoint} cannot be reached" not in line] == []
    assert [line for line in said if not line.endswith("its cache does not hold it")] == []
    assert "Retry" not in ran.stderr


def test_a_server_that_accepts_and_says_nothing_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert endpoint in why_unreachable(endpoint, 0.2)


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://[::1", "ftp://127.0.0.1/"])
def test_an_endpoint_that_is_no_address_is_out_of_reach(endpoint: str) -> None:
    assert endpoint in why_unreachable(endpoint, 5.0)


def test_the_libraries_settings_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with hub_or_cache() as reason:
        assert constants.is_offline_mode()
        assert reason
    assert not constants.is_offline_mode()


def test_where_nobody_may_ask_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1/never-asked")
    before = why_unreachable.cache_info().misses
    with hub_or_cache() as reason:
        assert reason == ""
    assert why_unreachable.cache_info().misses == before
