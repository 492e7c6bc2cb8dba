"""A rollout as a process that is busy with something slow when Ctrl-C comes; arguments: ``KIND PATH``."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from pathlib import Path

import understudy
from tests.rollouts.making import PROGRAMS, make_tasks
from understudy.agents import ChainOfThoughtConfig, CodeAgentConfig
from understudy.models import LocalConfig, ModelConfig, OpenAIChatConfig, ScriptedConfig
from understudy.rollouts import AgentSpec, RolloutConfig, rollout

DEMO_BASE = Path(understudy.__file__).parent / "demo" / "base"


def silent_server() -> str:
    """A server that takes connections and never answers."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        kept = []
        while True:
            kept.append(listening.accept())

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def slow(kind: str) -> AgentSpec:
    """What does not end by itself in a test's time."""
    thinking = ChainOfThoughtConfig(max_tokens=100_000, temperature=1.0)
    models: dict[str, ModelConfig] = {
        "program": ScriptedConfig(program=f"{PROGRAMS}:wait_but_once", name="program"),
        "server": OpenAIChatConfig(model="m", base_urls=(silent_server(),), timeout_s=600.0),
        "local": LocalConfig(path=str(DEMO_BASE), device="cpu"),
        "code": ScriptedConfig(program=f"{PROGRAMS}:loop", name="program"),
    }
    return AgentSpec(agent=CodeAgentConfig() if kind == "code" else thinking, model=models[kind])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it may be ignored
    config = RolloutConfig(in_flight=4)
    print("begins", flush=True)
    rollout(make_tasks(40), slow(sys.argv[1]), Path(sys.argv[2]), config, progress=None)
