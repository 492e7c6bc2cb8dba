"""vLLM as an engine: one server for a base and all adapters on it.

In: local models. Out: the command of ``vllm serve``, adapters loaded while it runs, the client's config. vLLM can be
installed in a separate environment: only its executable is needed. Not here: processes (see ``pool``); one server
without a pipeline (see ``vllm_process``).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import httpx

from understudy.models.config import DType, LocalConfig, OpenAIChatConfig
from understudy.models.engines.engine import (
    BASE_NAME,
    Adapter,
    EngineError,
    Launch,
    ServerConfig,
    ServerEngine,
    Weights,
    adapter_settings,
    name_in_records,
)

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The limits of an adapter's rank that vLLM accepts."""
LOAD_S = 300.0
"""How long vLLM may take to load an adapter."""


class VllmConfig(ServerConfig):
    """vLLM, which has to be installed: one server for a base and all adapters on it."""

    kind: Literal["vllm"] = "vllm"


class Vllm(ServerEngine):
    """Starts and asks ``vllm serve``."""

    def require(self) -> None:
        """Raises ``EngineError`` without the executable."""
        self._executable()

    def weights(self, model: LocalConfig) -> Weights:
        """Raises ``EngineError`` for what vLLM cannot serve."""
        if model.dtype is DType.FLOAT64:
            raise EngineError(f"{name_in_records(model)}: vLLM has no float64; choose another dtype, or no engine")
        found = super().weights(model)
        if found.adapter is not None:
            _refuse_adapter(found.adapter)
        return found

    def command(self, weights: Weights, launch: Launch) -> list[str]:
        """``vllm serve`` with its base under another name than any student."""
        config = self.config
        arguments = [self._executable(), "serve", launch.base, f"--host={config.host}", f"--port={launch.port}"]
        arguments += [
            f"--served-model-name={BASE_NAME}",
            # Otherwise vLLM adds top_k and penalties from the checkpoint's generation_config.json to each request.
            "--generation-config=vllm",
            "--enable-prompt-tokens-details",
            "--uvicorn-log-level=warning",  # else the end of its log is a list of requests
            f"--gpu-memory-utilization={launch.memory_share:g}",
            f"--dtype={_dtype(weights.model, launch)}",
        ]
        if len(launch.gpus) > 1:
            arguments.append(f"--tensor-parallel-size={len(launch.gpus)}")
        if launch.adapters:
            arguments += ["--enable-lora", f"--max-lora-rank={rank_limit(launch.adapters)}", "--lora-modules"]
            arguments += [f"{adapter.name}={adapter.path}" for adapter in launch.adapters]
        return [*arguments, *config.extra_arguments]

    def environment(self, launch: Launch) -> dict[str, str]:
        """Adapters may be loaded later."""
        return {**super().environment(launch), "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}

    def load_adapter(self, url: str, adapter: Adapter, launched: Launch, /) -> bool:
        """False for a server that was started without adapters, or for smaller ones."""
        if not launched.adapters or adapter.rank > rank_limit(launched.adapters):
            return False
        body = {"lora_name": adapter.name, "lora_path": adapter.path}
        reply = httpx.post(f"{url}/load_lora_adapter", json=body, timeout=LOAD_S)
        if reply.status_code != 200 and "already" not in reply.text:
            raise EngineError(f"vLLM refuses the adapter {adapter.path}: {reply.text.strip()}")
        return True

    def client(self, weights: Weights, urls: Sequence[str]) -> OpenAIChatConfig:
        """Replies end at the same tokens as in this process."""
        config = super().client(weights, urls)
        return config.model_copy(update={"extra_body": {"stop_token_ids": _stop_ids(weights, config)}})

    def _executable(self) -> str:
        name = self.config.executable or "vllm"
        if (found := shutil.which(name)) is None:
            raise EngineError(
                f"engine: vllm needs the executable {name!r}, which is not on the PATH: install vLLM, in a separate "
                "environment if you like, and name its executable as engine: {kind: vllm, executable: …}; or leave "
                "out engine"
            )
        return found


def installed_version(executable: str) -> str:
    """The version of vLLM in the environment of its executable, without starting it; empty if it is not known."""
    environment = Path(executable).resolve().parent.parent
    found = sorted(environment.glob("lib/python3*/site-packages/vllm*-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else ""


def rank_limit(adapters: Sequence[Adapter]) -> int:
    """The smallest of vLLM's limits that all adapters keep. Raises ``EngineError`` above the largest one."""
    largest = max(adapters, key=lambda adapter: adapter.rank)
    for limit in RANKS:
        if largest.rank <= limit:
            return limit
    raise EngineError(f"{largest.path}: expected a rank of at most {RANKS[-1]} for vLLM, got {largest.rank}")


def _refuse_adapter(adapter: Adapter) -> None:
    settings = adapter_settings(adapter.path)
    rank_limit([adapter])
    for key, what in (("use_dora", "DoRA"), ("modules_to_save", "whole modules beside LoRA"), ("bias", "biases")):
        if settings.get(key) not in (None, False, [], "none"):
            raise EngineError(
                f"{adapter.path}: vLLM serves no adapter with {what} ({key} is {settings[key]!r} in its "
                "adapter_config.json); leave out engine, or merge the adapter and serve the result"
            )


def _dtype(model: LocalConfig, launch: Launch) -> str:
    """As the model in this process: float32 on a CPU, where half precision is slow."""
    return DType.FLOAT32.value if model.dtype is DType.AUTO and not launch.gpus else model.dtype.value


def _stop_ids(weights: Weights, config: OpenAIChatConfig) -> list[int]:
    """The end tokens that the model in this process has."""
    from understudy.models.loading import load_generation_settings
    from understudy.models.rendering import open_renderer
    from understudy.models.stopping import end_ids

    assert config.tokenizer is not None
    renderer = open_renderer(config.tokenizer)
    return sorted(end_ids(renderer.end_of_turn_ids, renderer.tokenizer, load_generation_settings(weights.base)))
