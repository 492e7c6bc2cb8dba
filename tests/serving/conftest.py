"""A served agent over a real socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import openai
import pytest

from tests.serving.bank import BANK, LEDGER, served_bank
from understudy.agents import AgentConfig
from understudy.environments import Worlds
from understudy.models import Model
from understudy.sandbox import Limits, Sandbox, SandboxConfig, open_sandbox
from understudy.serving import ServeAgentConfig, serving_agent

Serve = Callable[..., str]
CLIENTS: list[openai.OpenAI] = []


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(SandboxConfig(preload=(), limits=Limits(cpu_s=30.0, wall_s=60.0))) as opened:
        yield opened


@pytest.fixture
def worlds() -> Iterator[Worlds]:
    LEDGER.clear()
    with Worlds(BANK) as opened:
        yield opened


@pytest.fixture
def serve(sandbox: Sandbox, worlds: Worlds, tmp_path: Path) -> Iterator[Serve]:
    """Serve the teller while a test goes; gives the URL without ``/v1``."""
    with ExitStack() as stack:

        def serve_(agent: AgentConfig | None = None, model: Model | None = None, **settings: object) -> str:
            config = ServeAgentConfig.model_validate({"port": 0, "log": tmp_path / "log", **settings})
            served = served_bank(sandbox, worlds, agent, model)
            return stack.enter_context(serving_agent(served, config, say=lambda _: None))

        yield serve_
