"""A stand-in for vLLM that notes each start, and the models that it serves."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from understudy.models import LocalConfig

SCRIPT = Path(__file__).with_name("fake_engine.py")


@dataclass(frozen=True)
class FakeVllm:
    """The executable, and what its processes noted."""

    executable: str
    log: Path

    def noted(self, key: str) -> list[dict[str, object]]:
        """The lines that have a key: ``pid`` for starts, ``loaded`` for adapters."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in map(json.loads, lines) if key in line]

    def running(self) -> set[int]:
        """Servers and their workers that have not ended."""
        pids = {int(str(line[key])) for line in self.noted("pid") for key in ("pid", "worker")}
        return {pid for pid in pids if is_running(pid)}


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(is_so: Callable[[], bool], within_s: float = 30) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeVllm:
    return make_fake(tmp_path, monkeypatch)


def make_fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeVllm:
    path = tmp_path / "bin" / "vllm"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{SCRIPT.read_text()}")
    path.chmod(0o755)
    monkeypatch.setenv("FAKE_ENGINE_LOG", str(tmp_path / "starts.jsonl"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return FakeVllm(str(path), tmp_path / "starts.jsonl")


@pytest.fixture
def local(fake: FakeVllm, tiny_dir: Path) -> Callable[..., LocalConfig]:
    """A local model on the stand-in; settings of the engine by name."""

    def config(name: str, adapter: Path | None = None, **settings: object) -> LocalConfig:
        engine = {"kind": "vllm", "executable": fake.executable, "deadline_s": 30, **settings}
        values = {"path": str(tiny_dir), "name": name, "adapter": adapter and str(adapter), "engine": engine}
        return LocalConfig.model_validate(values)

    return config


@pytest.fixture
def adapters(adapter_dir: Path, tmp_path: Path) -> Callable[[str, int], Path]:
    """A copy of the adapter, which says that it has another rank."""

    def copy(name: str, rank: int) -> Path:
        folder = tmp_path / name
        shutil.copytree(adapter_dir, folder)
        settings = folder / "adapter_config.json"
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "r": rank}))
        return folder

    return copy
