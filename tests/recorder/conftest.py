"""A real upstream and a real recorder, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from understudy.recorder import RecorderConfig, recording

ROOT = Path(__file__).parents[2]


@dataclass
class Recorder:
    """A running recorder."""

    url: str
    folder: Path
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)
    """Of a recorder in this process."""

    def lines(self) -> list[dict[str, Any]]:
        paths = sorted(self.folder.glob("exchanges-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def health(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/understudy/health").json())

    def stop(self) -> str:
        assert self.process is not None
        self.process.terminate()
        return self.process.communicate(timeout=60)[1]


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        command = [sys.executable, "-m", "tests.recorder.upstream", str(listening.fileno())]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listening.fileno()])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()


Start = Callable[..., Recorder]


@pytest.fixture
def here(upstream: str, tmp_path: Path) -> Iterator[Start]:
    """Starts recorders in this process, which is quicker."""
    with contextlib.ExitStack() as stack:

        def begin(to: str = "", folder: Path = tmp_path / "traces", **options: Any) -> Recorder:
            said: list[str] = []
            config = RecorderConfig(upstream=to or upstream, folder=folder, port=0, **options)
            url = stack.enter_context(recording(config, say=said.append))
            return Recorder(url, config.folder, said=said)

        yield begin


@pytest.fixture
def start(upstream: str, tmp_path: Path) -> Iterator[Start]:
    """Starts recorders before the upstream; the fixture stops them."""
    with contextlib.ExitStack() as stack:

        def begin(*options: str, preamble: str = "", token: str = "", to: str = "") -> Recorder:
            with socket.create_server(("127.0.0.1", 0)) as found:
                port = found.getsockname()[1]
            folder = tmp_path / "traces"
            arguments = ["record", f"--upstream={to or upstream}", f"--out={folder}", f"--port={port}", *options]
            code = f"{preamble}\nimport sys; sys.argv[1:] = {arguments!r}\nfrom understudy.cli import main; main()"
            process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
            stack.callback(_ended, process)
            url = f"http://127.0.0.1:{port}"
            _until_up(url + (f"/{token}" if token else ""), process)
            return Recorder(url, folder, process)

        yield begin


def _ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def _until_up(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[1])
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/understudy/health").status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(url)
