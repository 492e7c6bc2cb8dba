from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.retrieval.conftest import make_passages, write_corpus
from understudy.retrieval import DownloadConfig, DownloadError, LexicalConfig, download_corpus, open_retriever
from understudy.retrieval.download import CORPORA, fetch_file


@dataclass
class Site:
    """A small file server with ranges, which can cut its replies short and change its files."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    """For each of the next replies, how many bytes of it are sent before the connection is cut."""
    has_ranges: bool = True
    sent: int = 0
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    content = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = content.files.get(self.path.lstrip("/"))
            wanted = self.headers.get("Range")
            content.requests.append(wanted or "all")
            if data is None:
                self.send_error(404)
                return
            etag = f'"{hashlib.sha256(data).hexdigest()[:8]}"'
            start = 0
            if wanted and content.has_ranges and self.headers.get("If-Range") == etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            body = data[start:]
            if content.cuts:
                body = body[: content.cuts.pop(0)]
            content.sent += len(body)
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    content.url = f"http://127.0.0.1:{server.server_port}"
    yield content
    server.shutdown()
    thread.join()
    server.server_close()


DATA = np.random.default_rng(0).bytes(5_000_000)


def fetch(site: Site, path: Path, *urls: str, attempts: int = 1) -> None:
    with httpx.Client(base_url=site.url) as client:
        fetch_file(client, urls, path, attempts, quiet=True)


def test_an_interrupted_download_continues_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.files["a"] = DATA
    site.cuts = [3_000_000, 0]
    with pytest.raises(DownloadError, match="is kept"):
        fetch(site, tmp_path / "file", "a")
    assert not (tmp_path / "file").exists()
    fetch(site, tmp_path / "file", "a")
    assert (tmp_path / "file").read_bytes() == DATA
    assert site.sent < 1.5 * len(DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    fetch(site, tmp_path / "file", "a")
    assert len(site.requests) == 3


def test_pieces_become_one_file_through_any_number_of_cuts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("understudy.retrieval.download._FIRST_PAUSE_S", 0.0)
    site.files |= {"a": DATA[:2_000_000], "b": DATA[2_000_000:]}
    site.cuts = [1_500_000, 10, 0, 5_000_000, 2_000_000]
    fetch(site, tmp_path / "file", "a", "b", attempts=3)
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_file_that_changed_meanwhile_starts_again(site: Site, tmp_path: Path) -> None:
    site.files["a"] = DATA
    site.cuts = [3_000_000, 0]
    with pytest.raises(DownloadError):
        fetch(site, tmp_path / "file", "a")
    site.files["a"] = DATA[::-1]
    fetch(site, tmp_path / "file", "a")
    assert (tmp_path / "file").read_bytes() == DATA[::-1]


def test_a_server_without_ranges_is_read_from_the_beginning(site: Site, tmp_path: Path) -> None:
    site.files |= {"a": DATA[:100], "b": DATA[100:]}
    site.has_ranges = False
    site.cuts = [100, 2_000_000, 0]
    with pytest.raises(DownloadError):
        fetch(site, tmp_path / "file", "a", "b")
    fetch(site, tmp_path / "file", "a", "b")
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_kill_after_the_last_byte_is_no_loss(site: Site, tmp_path: Path) -> None:
    site.files["a"] = DATA
    (tmp_path / "file.part").write_bytes(DATA)
    state = {"piece": 0, "start_byte": 0, "etag": f'"{hashlib.sha256(DATA).hexdigest()[:8]}"'}
    (tmp_path / "file.state.json").write_text(json.dumps(state))
    fetch(site, tmp_path / "file", "a")
    assert (tmp_path / "file").read_bytes() == DATA
    assert site.sent == 0


def test_what_is_not_there_is_reported_at_once(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="404"):
        fetch(site, tmp_path / "file", "missing", attempts=5)
    assert len(site.requests) == 1


def test_wiki_18_becomes_an_index(site: Site, tmp_path: Path) -> None:
    rows = make_passages(80)
    plain = write_corpus(tmp_path / "c.jsonl", rows)
    site.files[CORPORA["wiki-18"].corpus_path] = gzip.compress(plain.read_bytes())
    info = download_corpus(DownloadConfig(folder=tmp_path / "index", base_url=site.url), quiet=True)
    assert info.passages.rows == 80
    retriever = open_retriever(LexicalConfig(folder=tmp_path / "index"))
    assert retriever.search([rows[5].text], 1)[0][0].passage == rows[5]
    retriever.close()
