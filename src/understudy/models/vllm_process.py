"""One ``vllm serve`` process, started and stopped by its handle.

In: a ``VllmOptions``. Out: the base URL of a healthy server, inside a ``with`` block; the command, for servers that are
started otherwise (``engines.vllm``). vLLM can be installed in a separate environment: only its executable is needed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import PositiveInt

from understudy.models.engines.engine import Adapter, EngineError
from understudy.models.process import ServerMissingError, ServerOptions, server_started

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The limits of an adapter's rank that vLLM accepts."""


class VllmOptions(ServerOptions):
    """What one vLLM server serves, and how."""

    adapters: tuple[Adapter, ...] = ()
    """Each has a name of its own in requests."""
    n_gpus: PositiveInt = 1
    """Tensor parallel size."""
    memory_share: float | None = None
    """Of each GPU. None: vLLM's default."""
    dtype: str = "auto"


@contextmanager
def vllm_served(options: VllmOptions) -> Iterator[str]:
    """Start vLLM, yield its base URL, stop it.

    Raises ``ServerMissingError``, ``EngineError``, ``ServerStartError`` with the end of its log.
    """
    with server_started(options, lambda port: server_command(options, port)) as url:
        yield url


def server_program(executable: str = "") -> str:
    """The path of the executable. Raises ``ServerMissingError``."""
    name = executable or "vllm"
    if (found := shutil.which(name)) is None:
        raise ServerMissingError(
            f"vLLM is missing: there is no executable {name!r} on the PATH. Install vLLM, in a separate environment if "
            "you like, or do without it (understudy serve-model --local; in a recipe, no engine)"
        )
    return found


def server_command(options: VllmOptions, port: int) -> list[str]:
    """``vllm serve`` and its arguments. Raises ``ServerMissingError``, ``EngineError`` for a rank that is too high."""
    command = [
        *(server_program(options.executable), "serve", options.model, f"--host={options.host}", f"--port={port}"),
        f"--served-model-name={options.served_name}",
        # Otherwise vLLM adds top_k and penalties from the checkpoint's generation_config.json to each request.
        "--generation-config=vllm",
        "--enable-prompt-tokens-details",
        "--uvicorn-log-level=warning",  # else the end of its log is a list of requests
        f"--dtype={options.dtype}",
    ]
    if options.memory_share is not None:
        command.append(f"--gpu-memory-utilization={options.memory_share:g}")
    if options.n_gpus > 1:
        command.append(f"--tensor-parallel-size={options.n_gpus}")
    if options.adapters:
        command += ["--enable-lora", f"--max-lora-rank={rank_limit(options.adapters)}", "--lora-modules"]
        # As JSON, because names and paths may contain "=" and ",".
        command += [json.dumps({"name": adapter.name, "path": adapter.path}) for adapter in options.adapters]
    return [*command, *options.extra_arguments]


def rank_limit(adapters: Sequence[Adapter]) -> int:
    """The smallest of vLLM's limits that all adapters keep. Raises ``EngineError`` above the largest one."""
    largest = max(adapters, key=lambda adapter: adapter.rank)
    for limit in RANKS:
        if largest.rank <= limit:
            return limit
    raise EngineError(f"{largest.path}: expected a rank of at most {RANKS[-1]} for vLLM, got {largest.rank}")


def installed_version(executable: str) -> str:
    """The version of vLLM in the environment of its executable, without starting it; empty if it is not known."""
    environment = Path(executable).resolve().parent.parent
    found = sorted(environment.glob("lib/python3*/site-packages/vllm*-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else ""
