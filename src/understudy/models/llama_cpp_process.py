"""One server of llama.cpp, started and stopped by its handle.

In: a ``ServerOptions``. Out: the base URL of a healthy server, inside a ``with`` block. The server is the executable
``llama-server``, or the same code in the package xllamacpp (``pip install 'understudy[llama_cpp]'``), which runs in a
separate process. Not here: making GGUF files (``gguf_writing``); what it does differently (``llama_cpp_replies``).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt

from understudy.models.process import ServerProcess, free_ports
from understudy.records import Record

EXECUTABLE = "llama-server"
_SCRIPT = Path(__file__).with_name("llama_cpp_server.py")
"""Run by its path, because importing the package would cost more than the start."""
SAMPLING: Mapping[str, JsonValue] = MappingProxyType({"top_k": 0, "min_p": 0.0, "samplers": ["temperature", "top_p"]})
"""Sent with each request, so that llama.cpp samples as transformers and vLLM do. By itself it keeps 40 tokens, drops
those below min_p, and applies top_p before the temperature."""


class ServerOptions(Record):
    """What one server of llama.cpp serves, and how."""

    model: Annotated[str, Field(min_length=1)]
    """Path of a GGUF file."""
    served_name: Annotated[str, Field(min_length=1)] = "student"
    """The name in the list of models. llama.cpp answers to every name."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """0 takes a free port."""
    context_tokens: PositiveInt = 4096
    """Longest prompt with its reply. The memory for ``n_parallel`` of them is taken at the start."""
    n_parallel: PositiveInt = 4
    """Replies that are computed at the same time, and the largest ``n`` of a request."""
    n_threads: PositiveInt | None = None
    """None: OMP_NUM_THREADS, else as llama.cpp chooses."""
    executable: str = ""
    """Name on the PATH, or path. Empty: llama-server, else the package xllamacpp."""
    extra_arguments: tuple[str, ...] = ()
    """Passed on unchanged; only for an executable."""
    deadline_s: PositiveFloat = 600.0
    """How long the server may take to load."""


class LlamaCppMissingError(OSError):
    """Neither the executable nor the package is installed."""


@contextmanager
def llama_cpp_served(config: ServerOptions) -> Iterator[str]:
    """Start llama.cpp, yield its base URL, stop it.

    Raises ``LlamaCppMissingError``, ``ServerStartError`` with the end of its log.
    """
    port = config.port or free_ports(config.host, 1)[0]
    address = f"http://{config.host}:{port}"
    command = [*server_program(config.executable), *server_arguments(config, port)]
    with ServerProcess(command, f"{address}/health", deadline_s=config.deadline_s):
        yield f"{address}/v1"


def server_program(executable: str = "") -> list[str]:
    """The beginning of the command. Raises ``LlamaCppMissingError``."""
    found = shutil.which(executable or EXECUTABLE)
    if found is not None:
        return [found]
    if not executable and importlib.util.find_spec("xllamacpp") is not None:
        return [sys.executable, "-I", str(_SCRIPT)]
    raise LlamaCppMissingError(
        f"llama.cpp is missing: there is no executable {executable or EXECUTABLE!r} on the PATH"
        + ("" if executable else ", and xllamacpp is not installed: pip install 'understudy[llama_cpp]'")
    )


def server_arguments(config: ServerOptions, port: int) -> list[str]:
    """The arguments that the executable and our script share."""
    threads = config.n_threads or os.environ.get("OMP_NUM_THREADS")
    arguments = [
        f"--model={config.model}",
        f"--alias={config.served_name}",
        f"--host={config.host}",
        f"--port={port}",
        f"--ctx-size={config.context_tokens * config.n_parallel}",
        f"--parallel={config.n_parallel}",
        *([f"--threads={threads}"] if threads else []),
        *config.extra_arguments,
    ]
    return [part for argument in arguments for part in (argument.split("=", 1) if argument[0] == "-" else [argument])]
