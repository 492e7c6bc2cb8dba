"""A machine without the Hub: missing files are reported within seconds, and cached files are used."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from understudy.datafiles import DataFileError, hub_rows
from understudy.hub import hub_or_cache, why_unreachable
from understudy.models.loading import load_settings, load_tokenizer
from understudy.retrieval.encoder import TransformerEncoderConfig
from understudy.retrieval.transformer_encoder import TransformerEncoder
from understudy.training.loading import limits_of


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> str:
    """Asking is allowed, and nobody answers. Gives the address."""
    from huggingface_hub import constants

    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    return endpoint


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (load_tokenizer, "demo/base"),
        (load_settings, "demo/base"),
        (limits_of, "some-model"),
        (lambda name: TransformerEncoder(TransformerEncoderConfig(model=name)), "demo/encoder"),
        (lambda name: list(hub_rows(name)), "someone/questions"),
    ],
)
def test_without_the_hub_what_is_missing_is_an_error_at_once(
    away: str, capfd: pytest.CaptureFixture[str], load: Callable[[str], object], name: str
) -> None:
    """Its libraries ask again and again for a minute and longer, which their log would show."""
    with pytest.raises((OSError, DataFileError)) as raised:
        load(name)
    said = str(raised.value)
    assert name in said
    assert f"{away} cannot be reached" in said
    assert said.endswith("its cache does not hold it")
    assert "Retry" not in capfd.readouterr().err


def test_a_server_that_accepts_and_says_nothing_is_out_of_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert endpoint in why_unreachable(endpoint, 0.2)


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://[::1", "ftp://127.0.0.1/"])
def test_an_endpoint_that_is_no_address_is_out_of_reach(endpoint: str) -> None:
    assert endpoint in why_unreachable(endpoint, 5.0)


def test_the_libraries_settings_are_restored(away: str) -> None:
    from huggingface_hub import constants

    with hub_or_cache() as reason:
        assert constants.is_offline_mode()
        assert away in reason
    assert not constants.is_offline_mode()


def test_where_nobody_may_ask_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1/never-asked")
    before = why_unreachable.cache_info().misses
    with hub_or_cache() as reason:
        assert reason == ""
    assert why_unreachable.cache_info().misses == before
