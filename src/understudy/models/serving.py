"""Serve one of our models over HTTP: in this process, or in a separate process for a while.

In: a ``ModelConfig``. Out: an endpoint (see ``server``), by default reachable from this machine only. ``served`` is for
programs, ``serve_model`` for the command line.
"""

from __future__ import annotations

import argparse
import importlib.util
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import TypeAdapter

from understudy.models.model import ModelConfig, open_model
from understudy.models.process import ServerProcess
from understudy.registry import PartConfig

_CONFIG: TypeAdapter[PartConfig] = TypeAdapter(ModelConfig)


@contextmanager
def served(config: PartConfig, *, host: str = "127.0.0.1", deadline_s: float = 300.0) -> Iterator[str]:
    """Serve the model in a separate process; yields the base URL. Raises ``ServerStartError``."""
    # We listen, the server accepts: the port is known, and nobody can take it in between.
    with socket.create_server((host, 0), backlog=1024) as listening:
        port = listening.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "understudy.models.serving",
            f"--fd={listening.fileno()}",
            f"--config={_CONFIG.dump_json(config).decode()}",
        ]
        health_url = f"http://{host}:{port}/health"
        with ServerProcess(command, health_url, deadline_s=deadline_s, pass_fds=(listening.fileno(),)):
            yield f"http://{host}:{port}/v1"


def serve_model(config: PartConfig, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the model until the process is told to stop (Ctrl-C, SIGTERM). ``port`` 0 takes a free one."""
    with socket.create_server((host, port), backlog=1024) as listening:
        _serve(config, listening)


def _serve(config: PartConfig, listening: socket.socket) -> None:
    _require("starlette", "uvicorn")
    import uvicorn

    from understudy.models.server import model_app

    with open_model(config) as model:
        host, port = listening.getsockname()[:2]
        sys.stderr.write(f"{model.name} at http://{host}:{port}/v1\n")
        uvicorn.Server(uvicorn.Config(model_app(model), log_level="warning")).run(sockets=[listening])


def _require(*modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise OSError(f"serving a model needs {', '.join(missing)}: pip install 'understudy[serve]'")


def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model on a listening socket that was inherited.")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    _serve(_CONFIG.validate_json(arguments.config), socket.socket(fileno=arguments.fd))


if __name__ == "__main__":
    _main()
