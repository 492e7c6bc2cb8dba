"""Fetching once, by checksum, from a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from understudy.tasks.benchmarks import BENCHMARKS, SOURCE_URL, Benchmark
from understudy.tasks.download import DownloadError, default_cache_dir, fetch_once
from understudy.tasks.sources import benchmark_file, benchmark_rows

CONTENT = b'{"metadata": {}, "examples": [{"id": 1, "question": "A?", "answer": "a"}]}'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves a folder and counts what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[str] = []
        server = self

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                server.paths.append(self.path)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    opened = Server(folder)
    yield opened
    opened.close()


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    (server.folder / "a.json").write_bytes(CONTENT)
    place = tmp_path / "cache" / "a.json"
    for _ in range(3):
        assert fetch_once(f"{server.url}/a.json", SHA256, place).read_bytes() == CONTENT
    assert len(server.paths) == 1


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (server.folder / "a.json").write_bytes(CONTENT)
    place = tmp_path / "a.json"
    place.write_bytes(CONTENT[:-1])
    assert fetch_once(f"{server.url}/a.json", SHA256, place).read_bytes() == CONTENT


def test_other_bytes_are_not_kept(server: Server, tmp_path: Path) -> None:
    (server.folder / "a.json").write_bytes(b"something else")
    place = tmp_path / "a.json"
    with pytest.raises(DownloadError, match=f"expected SHA-256 {SHA256}, got"):
        fetch_once(f"{server.url}/a.json", SHA256, place)
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_a_missing_file_and_a_missing_server_are_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"404.*data_dir"):
        fetch_once(f"{server.url}/a.json", SHA256, tmp_path / "a.json")
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9/a\.json.*data_dir"):
        fetch_once("http://127.0.0.1:9/a.json", SHA256, tmp_path / "a.json")


def test_a_benchmark_comes_from_the_authors_layout(server: Server, tmp_path: Path) -> None:
    aime = replace(BENCHMARKS["aime"][0], sha256=SHA256)
    file = server.folder / "data_processor" / "math_dataset" / "test" / "aime_90_20250504.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    path = benchmark_file(aime, None, tmp_path / "cache", server.url)
    assert path == tmp_path / "cache" / "benchmarks" / "aime_90_20250504.json"
    assert [row.value for row in benchmark_rows(path)] == [{"id": 1, "question": "A?", "answer": "a"}]


@pytest.mark.parametrize("benchmark", [b for files in BENCHMARKS.values() for b in files], ids=lambda b: b.file)
def test_checksums_are_those_of_the_real_files(shared_dir: Path, benchmark: Benchmark) -> None:
    path = shared_dir / "data" / "benchmarks" / benchmark.file
    assert hashlib.sha256(path.read_bytes()).hexdigest() == benchmark.sha256
    assert benchmark.licence


def test_the_source_is_a_fixed_commit() -> None:
    commit = SOURCE_URL.rsplit("/", 1)[1]
    assert len(commit) == 40
    assert int(commit, 16) > 0


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "understudy"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "understudy"
