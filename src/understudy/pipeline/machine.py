"""Facts about this machine and this installation, for manifests and ``understudy doctor``. In: nothing. Out: versions
and hardware. None of the large packages is imported.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from understudy.models.cache_size import machine_bytes
from understudy.models.engines.gpus import gpu_names

PACKAGES = (
    "understudy",
    "torch",
    "transformers",
    "tokenizers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "numpy",
    "sympy",
    "pydantic",
    "openai",
    "tantivy",
    "faiss-cpu",
    "math-verify",
    "starlette",
    "ray",
    "mcp",
    "qdrant-client",
)
"""Packages that results or features depend on."""


def installed_versions() -> dict[str, str]:
    """Versions of the installed packages, by name."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def commit_of(folder: Path) -> str | None:
    """Commit of the checkout around ``folder``, with ``+changes`` if files differ; None outside one."""
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+changes" if changes else head


def describe_machine() -> dict[str, str]:
    """Operating system, processor, usable cores, memory and GPUs."""
    facts = {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor_name(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
    if memory := _memory_bytes():
        facts["memory"] = f"{memory / 2**30:.1f} GiB"
    facts["gpu"] = "; ".join(gpu_names()) or "none"
    return facts


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    try:
        return machine_bytes()
    except (OSError, ValueError):
        return 0
