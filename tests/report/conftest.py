"""A made-up run and its page."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from tests.report.make_run import SYSTEMS, add_hostile, make_run
from understudy.report import Labelling, write_comparison, write_report
from understudy.report.view import view_app


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a hostile trajectory among the others. Not to be written to."""
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "made-up", n_tasks=16)
    add_hostile(run_dir)
    return run_dir


@pytest.fixture(scope="session")
def made_report(made_run: Path) -> Path:
    return write_report(made_run)


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: ``first`` and ``second`` attempted the same tasks, ``other`` has other tasks under their names.

    Not to be written to.
    """
    folder = tmp_path_factory.mktemp("several")
    for name, luck in (("first", 0), ("second", 1)):
        add_hostile(make_run(folder / name, n_tasks=12, systems=SYSTEMS[4:6], luck=luck))
    make_run(folder / "other", n_tasks=3, systems=SYSTEMS[4:6], seed=5)
    return folder


@pytest.fixture(scope="session")
def made_comparison(made_runs: Path) -> Path:
    return write_comparison([made_runs / name for name in ("first", "second", "other")], made_runs / "compare.html")


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder of runs on loopback while a test goes; gives the address."""
    stops: list[Callable[[], None]] = []

    def serve_(runs_dir: Path, labelling: Labelling | None = None) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        app = view_app(runs_dir, labelling=labelling)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        stops.append(stop)
        while not server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}/"

    yield serve_
    for stop in stops:
        stop()
