"""A made-up run and its page, and a Chromium to open it in."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from tests.report.make_run import SYSTEMS, add_hostile, make_run
from understudy.report import Labelling, write_comparison, write_report
from understudy.report.view import view_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OpenPage = Callable[..., "Page"]


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"no Chromium found (looked for {', '.join(CHROMIUM_NAMES)}): install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open an address; at the end, say so if the page complained, or asked anybody but ``allowed`` for anything."""
    complaints: list[str] = []
    contexts = []

    def open_(
        address: str, *, allowed: str = "file:", width: int = 1280, height: int = 900, dark: bool = False
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: None if request.url.startswith((allowed, "data:")) else complaints.append(request.url),
        )
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
