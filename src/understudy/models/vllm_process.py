"""One ``vllm serve`` process, started and stopped by its handle.

In: a ``VllmConfig``. Out: the base URL of a healthy server, inside a ``with`` block. Other vLLM servers on the machine
are not touched. vLLM can be installed in a separate environment: only its executable is needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from understudy.models.gguf_file import is_gguf
from understudy.models.locating import locate
from understudy.models.process import ServerProcess, free_ports
from understudy.records import Record


class VllmConfig(Record):
    """What one vLLM server serves, and how."""

    model: Annotated[str, Field(min_length=1)]
    """Folder or Hub id of the base weights."""
    adapter: str | None = None
    """Folder or Hub id of a LoRA adapter, which is then served under ``served_name``."""
    adapter_rank: PositiveInt = 64
    """At least the adapter's rank."""
    served_name: Annotated[str, Field(min_length=1)] = "student"
    """The model's name in requests."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """0 takes a free port."""
    max_context_tokens: PositiveInt | None = None
    """None: the length that the model's config states."""
    n_gpus: PositiveInt = 1
    """Tensor parallel size."""
    executable: str = "vllm"
    """Name on the PATH, or path."""
    extra_arguments: tuple[str, ...] = ()
    """Passed on unchanged, such as ``--dtype=float32`` ``--enforce-eager``."""
    deadline_s: PositiveFloat = 1800.0
    """How long the server may take to load."""


@contextmanager
def vllm_served(config: VllmConfig) -> Iterator[str]:
    """Start vLLM, yield its base URL, stop it.

    Raises ``FileNotFoundError`` without the executable, ``ServerStartError`` with the end of its log.
    """
    executable = shutil.which(config.executable)
    if executable is None:
        raise FileNotFoundError(
            f"no executable {config.executable!r} on the PATH: install vLLM in a separate environment, or serve the "
            f"model with this package: understudy serve-model {config.model} --local"
        )
    port = config.port or free_ports(config.host, 1)[0]
    address = f"http://{config.host}:{port}"
    with ServerProcess([executable, *_arguments(config, port)], f"{address}/health", deadline_s=config.deadline_s):
        yield f"{address}/v1"


def _arguments(config: VllmConfig, port: int) -> list[str]:
    weights = locate(config.model) if is_gguf(config.model) else config.model
    arguments = ["serve", weights, f"--host={config.host}", f"--port={port}"]
    # Otherwise vLLM adds top_k and penalties from the checkpoint's generation_config.json to each request.
    arguments.append("--generation-config=vllm")
    if config.adapter is None:
        arguments.append(f"--served-model-name={config.served_name}")
    else:
        # The base gets another name, so that nobody uses the base instead of the student by mistake.
        arguments += [
            f"--served-model-name={config.served_name}-base",
            "--enable-lora",
            f"--max-lora-rank={config.adapter_rank}",
            "--lora-modules",
            f"{config.served_name}={config.adapter}",
        ]
    if config.max_context_tokens is not None:
        arguments.append(f"--max-model-len={config.max_context_tokens}")
    if config.n_gpus > 1:
        arguments.append(f"--tensor-parallel-size={config.n_gpus}")
    return [*arguments, *config.extra_arguments]
