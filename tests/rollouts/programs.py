"""Programs that act as models in the tests of rollouts."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from understudy.models import ProviderError, Request
from understudy.records import Role


def think(request: Request, wait_s: float = 0.0) -> str:
    """A chain of thought whose answer depends on the question and the seed alone."""
    time.sleep(wait_s)
    return f"I think about it.\n\nSo \\boxed{{{request.messages[1].content.split()[0]} {request.seed}}}"


def act(request: Request, wait_s: float = 0.0) -> str:
    """Print, then answer with the seed and what the observation said."""
    time.sleep(wait_s)
    if len([message for message in request.messages if message.role is Role.ASSISTANT]) == 0:
        return f"Thought: I calculate.\nCode:\n```py\nx = {request.seed} % 1000\nprint(x)\n```<end_code>"
    return "Thought: I know it.\nCode:\n```py\nfinal_answer(x + 1)\n```<end_code>"


def fail_sometimes(request: Request, modulus: int) -> str:
    """Fail as a server does for one seed in ``modulus``."""
    if (request.seed or 0) % modulus == 0:
        raise ProviderError("503 from the test")
    return think(request)


def kill_worker(request: Request, begins: str, marker: str = "") -> str:
    """Kill the own process at one question: always, or only until a file named ``marker`` is there."""
    if request.messages[1].content.startswith(begins) and not (marker and Path(marker).exists()):
        if marker:
            Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return think(request)


def break_at(request: Request, begins: str) -> str:
    """Raise as a program with a bug does, at one question."""
    if request.messages[1].content.startswith(begins):
        raise ZeroDivisionError("a bug in the program")
    return think(request)


def wait_but_once(request: Request) -> str:
    """Reply to the first question at once; the others take ten minutes."""
    return think(request, 0.0 if request.messages[1].content.startswith("0 ") else 600.0)


def multiply(request: Request) -> str:
    """Compute in torch for ten minutes."""
    import torch

    started, matrix = time.monotonic(), torch.ones(3000, 3000)
    while time.monotonic() < started + 600:
        matrix @ matrix
    return "never"


def loop(request: Request) -> str:
    """Write code that does not end."""
    return "Thought: I wait.\nCode:\n```py\nwhile True:\n    pass\n```<end_code>"
