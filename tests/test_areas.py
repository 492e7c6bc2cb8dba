"""The end of a test run says how long each area took, and what was skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = """
from tests.areas import AreaSummary

def pytest_configure(config):
    config.pluginmanager.register(AreaSummary())
"""
FILES = {
    "conftest.py": CONFTEST,
    "checks/alpha/test_one.py": """
import time, pytest
def test_slow(): time.sleep(0.3)
def test_not_here(): pytest.skip("no GPU")
@pytest.mark.skipif(True, reason="no GPU")
def test_not_there(): ...
""",
    "checks/beta/test_two.py": """
import pytest
pytest.importorskip("no_such_module", reason="no_such_module is not installed")
""",
    "checks/beta/test_three.py": "def test_quick(): ...",
    "checks/test_top.py": "import pytest\n@pytest.mark.xfail\ndef test_fails(): assert False",
}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_areas_and_reasons_are_listed(tmp_path: Path, workers: list[str]) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "checks", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    paths = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([*command, *workers], cwd=tmp_path, env=paths, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if "seconds of each area" in line)
    rows = [line.split() for line in lines[first + 1 : first + 5]]
    assert [(row[2:]) for row in rows if row[2] in ("alpha", "all")] == [
        ["alpha", "(1", "tests)"],
        ["all", "(3", "tests)"],
    ]
    assert rows[0][2] == "alpha"
    assert float(rows[0][0]) >= 0.3
    assert {row[2] for row in rows} == {"alpha", "beta", "(top", "all"}
    assert "skipped tests, by reason" in lines[first + 5]
    assert lines[first + 6 : first + 8] == [
        "     2 tests  no GPU  (alpha)",
        "      1 file  no_such_module is not installed  (beta)",
    ]
