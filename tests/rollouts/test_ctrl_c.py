"""Ctrl-C ends a rollout promptly, whatever is running, and finished attempts are kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from understudy.rollouts import read_trajectories

REPOSITORY = Path(__file__).resolve().parents[2]
SOON_S = 15.0
"""On idle cores it takes one to two seconds; a busy machine starts and ends processes slowly."""


def interrupt(kind: str, path: Path, after_s: float) -> tuple[int, float, str]:
    """Start a rollout, press Ctrl-C when it has been under way for a while; exit status, seconds, standard error."""
    command = [sys.executable, "-m", "tests.rollouts.interrupted", kind, str(path)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            until = time.monotonic() + 20
            while not path.exists() and time.monotonic() < until:  # a silent server lets no agent open
                time.sleep(0.02)
            time.sleep(after_s)
            pressed = time.monotonic()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
            return process.returncode, time.monotonic() - pressed, said
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", ["program", "server", "local", "code"])
def test_ctrl_c_ends_it_soon(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    status, took_s, said = interrupt(kind, path, after_s=2.0)
    assert status in (1, 130, -signal.SIGINT), said
    assert said.rstrip().endswith("KeyboardInterrupt"), said
    assert took_s < SOON_S
    kept = [one.task.id for one in read_trajectories(path)] if path.exists() else []
    assert len(kept) == len(set(kept))
    if kind != "local":  # its small model may end some attempts before
        assert kept == (["t0"] if kind == "program" else [])
    print(f"{kind}: {took_s:.1f} s")
