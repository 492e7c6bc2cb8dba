"""A rollout that is killed during a dialogue and resumed gives the same records as an uninterrupted one."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.environments.dialogues import make, records

START_S = 120.0


def test_a_dialogue_that_was_interrupted_is_repeated_completely(tmp_path: Path) -> None:
    path, marker = tmp_path / "killed" / "trajectories.jsonl", tmp_path / "marker"
    command = [sys.executable, "-m", "tests.environments.dialogues", str(path), str(marker)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + START_S
        while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert marker.exists()
        process.kill()
    before = records(path)
    assert len(before) < 16
    assert "t4#0" not in {one.id for one in before}
    make(path, marker)
    whole = tmp_path / "whole" / "trajectories.jsonl"
    make(whole, marker)
    assert records(path) == records(whole)
    assert len(records(path)) == 16
    assert all(len(one.steps) == 6 and one.environment is not None for one in records(path))
