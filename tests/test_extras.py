from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.retrieval.conftest import make_passages, write_corpus
from understudy.extras import MissingExtraError, is_installed, require
from understudy.report import serve_view
from understudy.retrieval import (
    BuildConfig,
    LexicalConfig,
    QdrantConfig,
    ServeConfig,
    StaticEncoderConfig,
    TransformerEncoderConfig,
    build_index,
    open_encoder,
    serve_index,
)
from understudy.retrieval.qdrant import connect

ENCODER = TransformerEncoderConfig(model="none")


def build(folder: Path) -> object:
    corpus = write_corpus(folder / "c.jsonl", make_passages(3))
    return build_index(BuildConfig(corpus=corpus, folder=folder / "index", encoder=ENCODER), quiet=True)


@pytest.mark.parametrize(
    ("blocked", "work", "extra"),
    [
        ("uvicorn", serve_view, "serve"),
        ("starlette", serve_view, "serve"),
        ("uvicorn", lambda folder: serve_index(ServeConfig(retrieval=LexicalConfig(folder=folder))), "serve"),
        ("torch", build, "dense"),
        ("transformers", build, "dense"),
        ("torch", lambda _: open_encoder(ENCODER), "dense"),
        ("tokenizers", lambda folder: open_encoder(StaticEncoderConfig(model=folder)), "dense"),
        (
            "qdrant_client",
            lambda folder: connect(
                QdrantConfig(url="http://x", collection="c", encoder=StaticEncoderConfig(model=folder))
            ),
            "qdrant",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_line_that_installs_it(
    blocked: str, work: Callable[[Path], object], extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, blocked, None)
    with pytest.raises(MissingExtraError, match=rf"{blocked}.*not installed: pip install 'understudy\[{extra}\]'"):
        work(tmp_path)
    assert not (tmp_path / "index").exists()


def test_several_missing_packages_are_named_at_once() -> None:
    assert is_installed("json")
    with pytest.raises(MissingExtraError, match="the work needs no_such_a, no_such_b, which are not installed"):
        require("hub", "the work", "json", "no_such_a", "no_such_b")
