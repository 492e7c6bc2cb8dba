"""vLLM as an engine: one server for a base and all adapters on it.

In: local models. Out: the command of ``vllm serve``, adapters loaded while it runs, the client's config. vLLM can be
installed in a separate environment: only its executable is needed. Not here: processes (see ``pool``); the command's
form (see ``vllm_process``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

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
from understudy.models.vllm_process import VllmOptions, rank_limit, server_command, server_program

LOAD_S = 300.0
"""How long vLLM may take to load an adapter."""


_SET_OTHERWISE = {
    "--host": "the key `host`",
    "--port": "the run",
    "--model": "the key `path` of the model",
    "--served-model-name": "the run",
    "--dtype": "the key `dtype` of the model",
    "--gpu-memory-utilization": "the key `memory_share`",
    **dict.fromkeys(("--tensor-parallel-size", "-tp"), "the key `gpus_per_replica`"),
}


class VllmConfig(ServerConfig):
    """vLLM, which has to be installed: one server for a base and all adapters on it."""

    kind: Literal["vllm"] = "vllm"
    set_otherwise: ClassVar[Mapping[str, str]] = _SET_OTHERWISE


class Vllm(ServerEngine):
    """Starts and asks ``vllm serve``."""

    def require(self) -> None:
        """Raises ``ServerMissingError``."""
        server_program(self.config.executable)

    def weights(self, model: LocalConfig) -> Weights:
        """Raises ``EngineError`` for what vLLM cannot serve."""
        found = super().weights(model)
        if found.adapter is not None:
            _refuse_adapter(found.adapter)
        return found

    def command(self, weights: Weights, launch: Launch) -> list[str]:
        """``vllm serve`` with its base under another name than any student."""
        config = self.config
        options = VllmOptions(
            model=launch.base,
            served_name=BASE_NAME,
            adapters=launch.adapters,
            host=launch.host,
            n_gpus=max(1, len(launch.gpus)),
            memory_share=launch.memory_share,
            dtype=_dtype(weights.model, launch),
            executable=config.executable,
            extra_arguments=config.extra_arguments,
        )
        return server_command(options, launch.port)

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
    """As the model in this process: float32 on a CPU, where half precision is slow.

    Raises ``EngineError`` for adapters in float32 on a GPU: vLLM's kernels for adapters do not accept it there.
    """
    if launch.gpus and launch.adapters and model.dtype is DType.FLOAT32:
        raise EngineError(
            f"{name_in_records(model)}: on a GPU, vLLM computes adapters in 16 bits only: expected dtype auto, "
            "bfloat16 or float16, got float32; or merge the adapter"
        )
    return DType.FLOAT32.value if model.dtype is DType.AUTO and not launch.gpus else model.dtype.value


def _stop_ids(weights: Weights, config: OpenAIChatConfig) -> list[int]:
    """The end tokens that the model in this process has."""
    from understudy.models.loading import load_generation_settings
    from understudy.models.rendering import open_renderer
    from understudy.models.stopping import end_ids

    assert config.tokenizer is not None
    renderer = open_renderer(config.tokenizer)
    return sorted(end_ids(renderer.end_of_turn_ids, renderer.tokenizer, load_generation_settings(weights.base)))
