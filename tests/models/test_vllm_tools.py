"""A student that calls tools, served by a real vLLM, acts as it does in this process.

Run as test_vllm.py is. The demo's student is trained first, with fewer steps: about three minutes, then vLLM's start.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.real_vllm import EXACT, save_vllm_script, set_environment
from understudy.models.vllm_process import VllmOptions, vllm_served
from understudy.records import Trajectory
from understudy.runs import read_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SMALL = (
    "tasks.train.limit=600",
    "train.agent.max_steps=120",
    "tasks.test.limit=20",
    "evaluate.agent.label=here",
    "report.student=here",
)
AS_TOOLS = ("--enable-auto-tool-choice", "--tool-call-parser=hermes")


def run(run_dir: Path, *words: str) -> None:
    command = [sys.executable, "-m", "understudy", "run", "recipes/demo-tools.yaml", *SMALL, *words]
    subprocess.run([*command, "--run-dir", str(run_dir)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose student was trained and evaluated in this process."""
    save_vllm_script(tmp_path_factory.mktemp("skip"))
    folder = tmp_path_factory.mktemp("tools") / "run"
    stages = ("rollout/teacher-agent", "curate/agent", "train/agent", "evaluate/agent")
    run(folder, *(word for stage in stages for word in ("--only", stage)))
    return folder


@pytest.fixture(scope="module")
def url(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    executable = save_vllm_script(tmp_path_factory.mktemp("bin"))
    config = VllmOptions(
        model=str(run_dir / "train/agent/checkpoint"),
        executable=executable,
        extra_arguments=(*EXACT, *AS_TOOLS),
        deadline_s=600,
    )
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch)
        with vllm_served(config) as address:
            yield address


def attempts(run_dir: Path, name: str) -> dict[str, Trajectory]:
    found = read_jsonl(run_dir / "evaluate" / name / "trajectories.jsonl", Trajectory)
    return {one.task.id: one for one in found}


def shown(one: Trajectory) -> list[object]:
    """What was said and called, without the ids that each server gives to calls."""
    return [(m.role, m.content, [(c.name, c.arguments) for c in m.tool_calls]) for m in one.messages]


def test_complete_conversations_are_those_of_the_model_in_process(run_dir: Path, url: str) -> None:
    served = f"models.served={{kind: openai_chat, model: student, base_urls: ['{url}']}}"
    stage = "evaluate.served={label: served, model: served, agent: agent, tasks: [test], in_flight: 8}"
    run(run_dir, served, stage, "--only", "evaluate/served")
    here, there = attempts(run_dir, "agent"), attempts(run_dir, "served")
    assert here.keys() == there.keys()
    assert sum(bool(m.tool_calls) for one in there.values() for m in one.messages) > len(there)
    different = [key for key in here if shown(here[key]) != shown(there[key])]
    assert different == []


def test_the_student_is_verified_with_its_tools(run_dir: Path, url: str) -> None:
    there = ("--stage", "agent", "--url", url, "--model", "student")
    command = [sys.executable, "-m", "understudy", "verify-student", str(run_dir), *there]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
