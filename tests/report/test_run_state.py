"""What a run is said to be doing, whatever became of its process."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.report.make_run import make_run
from tests.report.test_terminal import printed
from understudy.report import collect, show_run
from understudy.report.outline import outline_of
from understudy.report.runs_list import list_runs


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs" / "one", n_tasks=2)


def write_stage(run_dir: Path, key: str, **changes: object) -> None:
    path = run_dir / key / "stage.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**old, **changes}))


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    with (run_dir / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def states(run_dir: Path) -> set[str]:
    """What list, page and outline say."""
    (entry,) = list_runs(run_dir.parent).runs
    return {entry.state.value, collect(run_dir).state.value, outline_of(run_dir).state.value}


@pytest.mark.parametrize(
    ("state", "is_held", "has_lock", "expected"),
    [
        ("done", False, True, "done"),
        ("failed", False, True, "failed"),
        ("stopped", False, True, "stopped"),
        ("running", False, True, "stopped"),  # its process was killed
        ("running", True, True, "running"),
        ("done", True, True, "running"),  # between two stages
        ("failed", True, True, "running"),  # it was started again
        ("running", False, False, "running"),  # copied from elsewhere: nothing else is known
    ],
)
def test_the_state_of_a_run(run_dir: Path, state: str, is_held: bool, has_lock: bool, expected: str) -> None:
    write_stage(run_dir, "train/agent", state=state)
    if has_lock:
        (run_dir / ".lock").touch()
    if is_held:
        with held(run_dir):
            assert states(run_dir) == {expected}
    else:
        assert states(run_dir) == {expected}


def test_a_failure_says_why(run_dir: Path) -> None:
    write_stage(run_dir, "train/agent", state="failed", error="the loss of step 12 is not finite")
    (entry,) = list_runs(run_dir.parent).runs
    assert (entry.stage, entry.error) == ("train/agent", "the loss of step 12 is not finite")
    assert "the loss of step 12 is not finite" in printed(show_run(run_dir))
    assert "the loss of step 12 is not finite" in printed(show_run(run_dir, "train/agent"))


def test_a_run_that_failed_before_its_first_stage_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    (tmp_path / "runs" / "empty" / "manifest.json").write_text('{"name": "empty"}')
    (tmp_path / "runs" / "empty" / ".lock").touch()
    assert states(tmp_path / "runs" / "empty") == {"stopped"}


def test_looking_takes_no_lock_away(run_dir: Path) -> None:
    (run_dir / ".lock").touch()
    states(run_dir)
    with (run_dir / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_stage_of_a_users_own_kind_is_shown_by_its_files(run_dir: Path) -> None:
    write_stage(run_dir, "explore/maze", state="done", counts={"rooms": 7}, inputs={"rollout/teacher-agent": "f"})
    (run_dir / "explore" / "maze" / "map.bin").write_bytes(b"12345")
    (run_dir / "explore" / "maze" / "rooms.jsonl").write_text("{}\n{}\n")
    source = run_dir / "rollout" / "teacher-agent" / "trajectories.jsonl"
    write_stage(run_dir, "wander/far", state="done")
    (run_dir / "wander" / "far" / "trajectories.jsonl").write_bytes(source.read_bytes())
    write_stage(run_dir, "prefer/pairs", state="done")
    (run_dir / "prefer" / "pairs" / "log.jsonl").write_text('{"step": 1, "loss": 0.7, "margin": 0.1}\n')
    document = collect(run_dir)
    by_key = {stage.key: stage for stage in document.stages}
    maze = by_key["explore/maze"]
    assert (maze.n, maze.counts, maze.inputs) == (2, {"rooms": 7}, ("rollout/teacher-agent",))
    assert ("map.bin", 5) in maze.files
    assert "wander/far" in {one.key for one in document.collections}
    assert {(one.stage, one.quantity) for one in document.curves} >= {
        ("pairs, prefer", "loss"),
        ("pairs, prefer", "margin"),
    }
    text = printed(show_run(run_dir, "explore/maze"))
    assert "map.bin" in text
    assert "rooms" in text
    assert "step 1 of" in printed(show_run(run_dir, "wander/far"))
