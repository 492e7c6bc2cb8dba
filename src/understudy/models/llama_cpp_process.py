"""One server of llama.cpp, started and stopped by its handle.

In: a ``LlamaCppOptions``. Out: the base URL of a healthy server, inside a ``with`` block. The server is the executable
``llama-server``, or the same code in the package xllamacpp (``pip install 'understudy[llama_cpp]'``), which runs in a
separate process. Not here: making GGUF files (``gguf_writing``); what it does differently (``llama_cpp_replies``).
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from pydantic import JsonValue, PositiveInt

from understudy.models.process import ServerMissingError, ServerOptions, server_started

EXECUTABLE = "llama-server"
_SCRIPT = Path(__file__).with_name("llama_cpp_server.py")
"""Run by its path, because importing the package would cost more than the start."""
SAMPLING: Mapping[str, JsonValue] = MappingProxyType({"top_k": 0, "min_p": 0.0, "samplers": ["temperature", "top_p"]})
"""Sent with each request, so that llama.cpp samples as transformers and vLLM do. By itself it keeps 40 tokens, drops
those below min_p, and applies top_p before the temperature."""


class LlamaCppOptions(ServerOptions):
    """What one server of llama.cpp serves, and how. ``model`` is a GGUF file. llama.cpp answers to every name; without
    ``executable`` it is llama-server, else the package xllamacpp, which takes no ``extra_arguments``.
    """

    context_tokens: PositiveInt = 4096
    """Longest prompt with its reply. The memory for ``n_parallel`` of them is taken at the start."""
    n_parallel: PositiveInt = 4
    """Replies that are computed at the same time, and the largest ``n`` of a request."""
    n_threads: PositiveInt | None = None
    """None: OMP_NUM_THREADS, else as llama.cpp chooses."""


@contextmanager
def llama_cpp_served(options: LlamaCppOptions) -> Iterator[str]:
    """Start llama.cpp, yield its base URL, stop it.

    Raises ``ServerMissingError``, ``ServerStartError`` with the end of its log.
    """
    with server_started(options, lambda port: server_command(options, port)) as url:
        yield url


def server_program(executable: str = "") -> list[str]:
    """The beginning of the command. Raises ``ServerMissingError``."""
    found = shutil.which(executable or EXECUTABLE)
    if found is not None:
        return [found]
    if not executable and importlib.util.find_spec("xllamacpp") is not None:
        return [sys.executable, "-I", str(_SCRIPT)]
    raise ServerMissingError(
        f"llama.cpp is missing: there is no executable {executable or EXECUTABLE!r} on the PATH"
        + ("" if executable else ", and xllamacpp is not installed: pip install 'understudy[llama_cpp]'")
    )


def server_command(config: LlamaCppOptions, port: int) -> list[str]:
    """The command; its arguments are those that the executable and our script share. Raises ``ServerMissingError``."""
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
    split = (argument.split("=", 1) if argument[0] == "-" else [argument] for argument in arguments)
    return [*server_program(config.executable), *itertools.chain.from_iterable(split)]
