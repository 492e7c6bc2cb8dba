"""The demo itself: it reaches its figures, also if it is killed at any stage and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.test_run import metrics_of, records_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

DEMO = [sys.executable, "-m", "understudy", "run", "recipes/demo.yaml", "--run-dir"]
STAGES_TO_KILL_IN = ("rollout/teacher-agent", "curate/agent", "train/agent", "evaluate/before", "evaluate/agent-sag")


def run_demo(run_dir: Path) -> None:
    subprocess.run([*DEMO, str(run_dir)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_once_in(stage: str, run_dir: Path) -> bool:
    """Start the demo and SIGKILL it a moment after a stage began; whether it was killed in that stage."""
    process = subprocess.Popen(
        [*DEMO, str(run_dir)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    record = run_dir / stage / "stage.json"
    while process.poll() is None and not record.exists():
        time.sleep(0.05)
    time.sleep(3 if stage.startswith(("train", "evaluate")) else 0.3)
    was_running = process.poll() is None and '"running"' in record.read_text()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return was_running


def test_the_demo_reaches_its_figures_and_survives_kills(tmp_path: Path) -> None:
    run_demo(tmp_path / "undisturbed")
    figures = dict(metrics_of(tmp_path / "undisturbed"))
    assert figures["Agent student"] >= 0.80
    assert figures["CoT student"] <= 0.30
    assert figures["Student before"] <= 0.02

    killed_in = [stage for stage in STAGES_TO_KILL_IN if kill_once_in(stage, tmp_path / "killed")]
    assert {"train/agent", "evaluate/agent-sag"} <= set(killed_in)
    run_demo(tmp_path / "killed")
    assert metrics_of(tmp_path / "killed") == metrics_of(tmp_path / "undisturbed")
    teacher = "rollout/teacher-agent"
    assert records_of(tmp_path / "killed")[teacher] == records_of(tmp_path / "undisturbed")[teacher]
