"""``examples/distil.py``: the whole method in one script, with tiny numbers and in full."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "distil.py"


def distil(out: Path, *arguments: str) -> str:
    command = [sys.executable, str(SCRIPT), "--out", str(out), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_script_is_short() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 150


def test_the_complete_method_runs_with_tiny_numbers_and_resumes(tmp_path: Path) -> None:
    tiny = ("--train", "9", "--test", "1", "--steps", "1", "--candidates", "2")
    printed = distil(tmp_path / "out", *tiny)
    assert re.search(r"^first thoughts: 9, such as 'I ", printed, re.M)
    assert re.search(r"^  assistant  trained: 'Thought: ", printed, re.M)
    assert re.search(r"^  user       '", printed, re.M)
    assert re.search(r"^trained: 1 steps, loss \d", printed, re.M)
    assert re.search(r"^teacher \(program\): \d.\d{3} \[", printed, re.M)
    assert re.search(r"^student minus base: [+-]\d.\d{3} \[.*\], p = ", printed, re.M)
    checkpoint = tmp_path / "out" / "student" / "checkpoint" / "model.safetensors"
    written = checkpoint.stat().st_mtime_ns
    assert distil(tmp_path / "out", *tiny).splitlines()[:4] == printed.splitlines()[:4]
    assert checkpoint.stat().st_mtime_ns == written, "nothing is trained twice"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_student_learns(tmp_path: Path) -> None:
    printed = distil(tmp_path / "out")
    base, student = (float(found) for found in re.findall(r"^(?:base|student): (\d\.\d+)", printed, re.M))
    assert base <= 0.02
    assert student >= 0.7
