"""A run whose base and students are computed by one real vLLM, which is killed in the middle.

``UNDERSTUDY_VLLM_PYTHON=/path/to/python pytest -m slow tests/pipeline/test_vllm_engine.py``, where that interpreter has
vLLM, or its CPU build. Two small trainings of the demo, then vLLM starts twice: about ten minutes on two cores.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.models.real_vllm import EXACT, save_vllm_script, set_environment
from understudy.records import Trajectory
from understudy.runs import read_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
SYSTEMS = ("agent", "cot", "before")
SMALL = (
    "tasks.train.limit=300",
    "tasks.test.limit=40",
    *(f"train.{name}.{key}" for name in ("agent", "cot") for key in ("method=lora", "learning_rate=0.005")),
    *(f"train.{name}.max_steps=60" for name in ("agent", "cot")),
)
SERVER = "vllm.entrypoints.openai.api_server"
NOISE = 0.05
"""Share of conversations in which one token fell to the other side of a tie."""


def command(run_dir: Path, stages: tuple[str, ...], *words: str) -> list[str]:
    only = [word for stage in stages for word in ("--only", stage)]
    start = [sys.executable, "-m", "understudy", "run", "recipes/demo.yaml", *SMALL, *words]
    return [*start, *only, "--run-dir", str(run_dir)]


def attempts(run_dir: Path, system: str) -> dict[str, Trajectory]:
    found = read_jsonl(run_dir / "evaluate" / system / "trajectories.jsonl", Trajectory)
    return {one.task.id: one for one in found}


def metrics(run_dir: Path, system: str) -> dict[str, object]:
    read: dict[str, object] = json.loads((run_dir / "evaluate" / system / "metrics.json").read_text())
    return read


def test_the_table_is_that_of_the_models_in_process_though_vllm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable = save_vllm_script(tmp_path)
    set_environment(monkeypatch)
    run_dir = tmp_path / "run"
    trained = tuple(f"{kind}/{name}" for kind in ("curate", "train") for name in ("agent", "cot"))
    made = ("rollout/teacher-agent", "rollout/teacher-cot", *trained, *(f"evaluate/{name}" for name in SYSTEMS))
    subprocess.run(command(run_dir, made), check=True, stdout=subprocess.DEVNULL)

    engine = {"kind": "vllm", "executable": executable, "extra_arguments": EXACT[1:], "memory_share": 0.3}
    words = [f"models.student.engine={json.dumps(engine)}"]
    for name, model, agent in (
        ("agent", "train/agent", "agent"),
        ("cot", "train/cot", "cot"),
        ("before", "student", "agent"),
    ):
        stage = {"label": f"{name} served", "model": model, "agent": agent, "tasks": ["test"], "in_flight": 4}
        words.append(f"evaluate.{name}-served={json.dumps(stage)}")
    served = tuple(f"evaluate/{name}-served" for name in SYSTEMS)
    seen: dict[int, float] = {}
    written = run_dir / "evaluate" / "agent-served" / "trajectories.jsonl"
    with subprocess.Popen(command(run_dir, served, *words), stdout=subprocess.DEVNULL) as process:
        killed = 0
        while process.poll() is None:
            for one in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has ended
                    seen[one.pid] = one.create_time()
                    is_server = SERVER in one.cmdline()[:3]
                    if is_server and not killed and written.exists() and written.stat().st_size:
                        one.kill()
                        killed = one.pid
            time.sleep(0.3)
    assert process.returncode == 0
    assert killed
    assert [pid for pid, born in seen.items() if is_same(pid, born)] == []
    for name in SYSTEMS:
        here, there = attempts(run_dir, name), attempts(run_dir, f"{name}-served")
        assert here.keys() == there.keys()
        assert {one.model for one in here.values()} == {one.model for one in there.values()}
        said = [[(m.role, m.content) for m in one[key].messages] for one in (here, there) for key in sorted(here)]
        different = sum(a != b for a, b in zip(said[: len(here)], said[len(here) :], strict=True))
        print(name, "conversations that differ:", different, "of", len(here))
        assert different <= NOISE * len(here)


def is_same(pid: int, born: float) -> bool:
    """Whether the process that had this id is still running."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == born and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
