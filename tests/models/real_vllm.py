"""A real vLLM for the tests that ask for one.

``UNDERSTUDY_VLLM_PYTHON=/path/to/python`` names an interpreter that has vLLM, or its CPU build.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ON_CPU = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
# The CPU build 0.32 dies of seeded requests whose prompt is read in several pieces: a budget that no prompt exceeds.
EXACT = ("--dtype=float32", "--enforce-eager", "--max-num-batched-tokens=32768")


def save_vllm_script(folder: Path) -> str:
    """Write ``vllm serve`` of the named interpreter, whose own script looks for a package of another name in the CPU
    build. Skips where none is named.
    """
    python = os.environ.get("UNDERSTUDY_VLLM_PYTHON")
    if not python:
        pytest.skip("UNDERSTUDY_VLLM_PYTHON names no interpreter that has vLLM")
    path = folder / "vllm"
    path.write_text(f'#!/bin/sh\nshift\nexec "{python}" -m vllm.entrypoints.openai.api_server --model "$@"\n')
    path.chmod(0o755)
    return str(path)


def set_environment(patch: pytest.MonkeyPatch) -> None:
    """Set what the CPU build needs, unless the environment says otherwise."""
    for name, value in ON_CPU.items():
        patch.setenv(name, os.environ.get(name, value))
