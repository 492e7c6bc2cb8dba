"""Pictures of a report, for the docs: ``python -m tests.report.screenshot runs/demo/report.html docs/images``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.report.conftest import CHROMIUM_NAMES, FLAGS

DESKTOP, PHONE = (1280, 900), (390, 844)
PICTURES = (
    ("results", DESKTOP, "light", {"view": "results"}),
    ("results-dark", DESKTOP, "dark", {"view": "results"}),
    ("results-phone", PHONE, "light", {"view": "results"}),
    ("attempt", DESKTOP, "light", {"view": "trajectories"}),
    ("attempt-phone", PHONE, "dark", {"view": "trajectories"}),
    ("training", DESKTOP, "light", {"view": "training"}),
)


def main() -> None:
    """Write one PNG a picture, named ``report-<name>.png``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("out_dir", type=Path)
    chosen = parser.parse_args()
    chosen.out_dir.mkdir(parents=True, exist_ok=True)
    path = next(found for name in CHROMIUM_NAMES if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for name, size, scheme, state in PICTURES:
            address = f"{chosen.report.resolve().as_uri()}#{urlencode(state)}"
            _shoot(browser, address, chosen.out_dir / f"report-{name}.png", size, scheme == "dark")
        browser.close()


def _shoot(browser: Browser, address: str, path: Path, size: tuple[int, int], is_dark: bool) -> None:
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, color_scheme="dark" if is_dark else "light", device_scale_factor=1.5)
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    if "trajectories" in address:
        page.keyboard.press("j")
        page.wait_for_selector(".attempt")
    page.wait_for_timeout(300)  # charts are drawn once their width is known
    page.screenshot(path=path)
    page.close()


if __name__ == "__main__":
    main()
