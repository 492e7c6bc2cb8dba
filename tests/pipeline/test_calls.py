"""A small base model is distilled into an agent that writes code and one that calls tools: all stages, one report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.records import Example, SpanPart, Trajectory
from understudy.runs import read_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SMALL = [
    "tasks.train.limit=24",
    "tasks.test.limit=3",
    "train.code.max_steps=2",
    "train.calls.max_steps=2",
    "agents.code.max_tokens=16",
    "agents.calls.max_tokens=16",
]


def test_code_and_calls_are_trained_and_compared(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "understudy", "run", "recipes/demo-code-or-calls.yaml", *SMALL]
    subprocess.run([*command, "--run-dir", str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    examples = list(read_jsonl(tmp_path / "curate/calls/examples.jsonl", Example))
    assert {tool.name for one in examples for tool in one.tools} == {"web_search", "python"}
    assert any(span.part is SpanPart.CALLS for one in examples for span in one.spans)
    assert (tmp_path / "train/calls/parity.json").exists()
    attempts = list(read_jsonl(tmp_path / "evaluate/calls/trajectories.jsonl", Trajectory))
    assert [one.agent for one in attempts] == ["tool_calling"] * 3
    comparisons = json.loads((tmp_path / "comparisons.json").read_text())
    assert "Calls student" in json.dumps(comparisons)
