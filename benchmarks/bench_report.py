"""The cost of a report: ``python -m benchmarks.bench_report [N]`` (10,000 trajectories without N).

Writes a made-up run's report and opens it in Chromium, beside the plainest page that could show the same: all records
as one uncompressed JSON in one HTML file, parsed when it opens. Then two such runs side by side, from one file and
from the viewer. Wall and CPU seconds; the load of the machine counts.
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from tests.report.conftest import CHROMIUM_NAMES, FLAGS
from tests.report.make_run import make_many

from understudy.report import write_comparison, write_report
from understudy.report.bodies import chunks
from understudy.report.view import view_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser

N_OPENINGS = 5
PLAIN = """<!doctype html><meta charset="utf-8"><ol></ol><script type="application/json">{data}</script><script>
const rows = JSON.parse(document.querySelector("script").textContent);
for (const row of rows) {{
  const item = document.createElement("li");
  item.textContent = row.trajectory.task.question;
  document.querySelector("ol").append(item);
}}
document.documentElement.dataset.ready = "yes";
</script>"""


def main() -> None:
    """Print three tables: writing, opening, two runs side by side."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        run_dir = make_many(Path(folder) / "many", n)
        stored = sum(path.stat().st_size for path in run_dir.glob("*/*/*.jsonl"))
        wall, cpu = time.perf_counter(), time.process_time()
        report = write_report(run_dir)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        plain = run_dir / "plain.html"
        lines = ",".join(line for one in chunks(run_dir, "evaluate/agent") for line in one.decode().split("\n"))
        plain.write_text(PLAIN.format(data=f"[{lines}]".replace("<", "\\u003c")))
        writing = Table("report of", "stored", "report.html", "share", "wall s", "CPU s")
        size = report.stat().st_size
        writing.add_row(
            f"{n:,}",
            f"{stored / 1e6:.1f} MB",
            f"{size / 1e6:.1f} MB",
            f"{size / stored:.0%}",
            f"{wall:.1f}",
            f"{cpu:.1f}",
        )
        Console().print(writing)
        Console().print(_openings({"report.html": report, "one plain JSON": plain}))
        make_many(Path(folder) / "again", n, luck=8)
        Console().print(_side_by_side(Path(folder)))


def _openings(pages: dict[str, Path]) -> Table:
    from playwright.sync_api import sync_playwright

    path = next(found for name in CHROMIUM_NAMES if (found := shutil.which(name)))
    table = Table("page", "open, median s", "fastest s", "ratio", "heap MB", "open an attempt s", "search all texts s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        first = 0.0
        for name, page in pages.items():
            times = sorted(_open(browser, page) for _ in range(N_OPENINGS))
            median = times[N_OPENINGS // 2]
            first = first or median
            heap, attempt, search = _use(browser, page) if name == "report.html" else ("", "", "")
            table.add_row(name, f"{median:.2f}", f"{times[0]:.2f}", f"{median / first:.1f}", heap, attempt, search)
        browser.close()
    return table


def _side_by_side(folder: Path) -> Table:
    """Two runs from one file and from the viewer: until the counts are there, then two attempts, one key at a time."""
    from playwright.sync_api import sync_playwright

    path = next(found for name in CHROMIUM_NAMES if (found := shutil.which(name)))
    wall = time.perf_counter()
    file = write_comparison([folder / "many", folder / "again"], folder / "compare.html")
    wall = time.perf_counter() - wall
    table = Table("two runs", "size", "written s", "open s", "again s", "filter s", "pair s", "last s", "heap MB")
    with sync_playwright() as playwright, _viewer(folder) as viewer:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        pages = {"compare.html": file.as_uri(), "viewer": f"{viewer}compare/"}
        facts = {"compare.html": (f"{file.stat().st_size / 1e6:.1f} MB", f"{wall:.1f}")}
        for name, address in pages.items():
            first, *again = (_pair(browser, address) for _ in range(1 + N_OPENINGS))
            median = sorted(again)[N_OPENINGS // 2]
            table.add_row(name, *facts.get(name, ("", "")), f"{first[0]:.2f}", *(f"{one:.2f}" for one in median))
        browser.close()
    return table


def _pair(browser: Browser, address: str) -> tuple[float, ...]:
    """Seconds until the page counts, filters, shows a first pair and the last one; megabytes of heap."""
    page = browser.new_page()
    marks = [time.perf_counter()]
    page.goto(address)
    page.wait_for_selector(".rows li")
    marks.append(time.perf_counter())
    page.click("[data-outcome=won]")
    page.wait_for_selector("[data-outcome=won][aria-current]")
    marks.append(time.perf_counter())
    page.keyboard.press("j")
    page.wait_for_selector(".both")
    marks.append(time.perf_counter())
    page.locator(".rows").evaluate("box => box.scrollTop = box.scrollHeight")
    last = page.locator(".rows li:last-child a")
    last.click()
    page.wait_for_selector(".toolbar button[title^=Next]:disabled")
    marks.append(time.perf_counter())
    heap = float(page.evaluate("performance.memory.usedJSHeapSize / 1e6"))
    page.close()
    return (*(end - start for start, end in pairwise(marks)), heap)


@contextmanager
def _viewer(folder: Path) -> Iterator[str]:
    """The viewer of a folder, in a thread of this process."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(view_app(folder), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


def _open(browser: Browser, path: Path) -> float:
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(f"{path.as_uri()}#view=trajectories")
    page.wait_for_selector("html[data-ready]", state="attached")
    took = time.perf_counter() - started
    page.close()
    return took


def _use(browser: Browser, path: Path) -> tuple[str, str, str]:
    page = browser.new_page()
    page.goto(f"{path.as_uri()}#view=trajectories")
    page.wait_for_selector(".row")
    started = time.perf_counter()
    page.keyboard.press("j")
    page.wait_for_selector(".attempt")
    attempt = time.perf_counter() - started
    started = time.perf_counter()
    page.fill("#search", "brute force")
    page.wait_for_selector(".tally >> text=/searching/")
    page.wait_for_selector(".tally >> text=/^[0-9,]+ of [0-9,]+ *clear/", timeout=60_000)
    search = time.perf_counter() - started
    heap = page.evaluate("performance.memory.usedJSHeapSize / 1e6")
    page.close()
    return f"{heap:.0f}", f"{attempt:.2f}", f"{search:.1f}"


if __name__ == "__main__":
    main()
