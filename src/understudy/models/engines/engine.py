"""What an engine is: how a server for a local model is started, and how one model is asked from it.

In: a ``LocalConfig``. Out: commands of servers, and the config of the client that asks them. Not here: processes,
ports, GPUs, restarts and the check of what is served (``pool``, ``server``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from understudy.annotations import ADAPTER_SETTINGS, RayAddress
from understudy.hub import naming_what_is_missing
from understudy.models.config import DType, LocalConfig, OpenAIChatConfig
from understudy.models.engines.kinds import ENGINES
from understudy.models.locating import CARD, base_and_adapter, locate, locate_adapter
from understudy.models.process import ProgramOptions
from understudy.records import Record
from understudy.registry import PartConfig
from understudy.runs import content_digest, digest

BASE_NAME = "base"
"""What a server calls the weights under an adapter, so that nobody gets them in place of a student by mistake."""
RETRIES = 100
RETRY_WAIT_S = 20.0
"""Retries last half an hour: a large model takes as long to be loaded again after its server died."""


class EngineError(ValueError):
    """An engine cannot serve a model on this machine; the message says why and what to change."""


class RayNodes(Record):
    """The Ray cluster whose nodes servers run on."""

    address: RayAddress | None = "auto"
    """As ``ray.init`` takes it; None starts a cluster on this machine."""
    cpus_per_replica: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    wait_for_nodes_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1800.0
    """How long room for all replicas is waited for; nodes may still join."""


class ServerConfig(ProgramOptions, PartConfig):
    """What all engines have that start servers. Results do not depend on it."""

    runs_on_nodes: ClassVar[bool] = True
    """Whether servers can run on other machines."""
    set_otherwise: ClassVar[Mapping[str, str]] = {}
    """Arguments of the server that ``extra_arguments`` must not repeat, and what sets them."""
    replicas: PositiveInt | None = None
    """Servers of the same model; requests are spread over them. None: as many as the GPUs allow, else one."""
    gpus_per_replica: PositiveInt = 1
    """GPUs that one server uses together."""
    memory_share: Annotated[float | None, Field(gt=0, le=1)] = None
    """Share of the memory of each GPU that a server takes. Servers are kept beside one another while their shares fit.
    None: 0.9; without a GPU 0.4 of the machine's memory."""
    ray: RayNodes | None = None
    """Servers run on the nodes of this cluster (extra ``ray``). None: on this machine."""

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("ray",) if self.ray else ()

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if not host or re.search(r"[/\s:@]", host):
            raise ValueError(f"expected the name or IPv4 address of a host, without http:// and port; got {host!r}")
        return host

    @field_validator("extra_arguments")
    @classmethod
    def _are_extra(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        for argument in arguments:
            name = argument.partition("=")[0].replace("_", "-")
            if name in cls.set_otherwise:
                raise ValueError(f"expected no {name}, which is set by {cls.set_otherwise[name]}; got {argument!r}")
        return arguments

    @model_validator(mode="after")
    def _can_run_on_nodes(self) -> Self:
        if self.ray and not self.runs_on_nodes:
            raise ValueError(f"ray: servers of {self.kind} run on this machine only; expected no ray, or kind: vllm")
        if self.ray and "host" in self.model_fields_set:
            raise ValueError(f"host: on a Ray cluster a server listens at its node's address; got {self.host!r} too")
        return self


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter on a server."""

    name: str
    """Its name in requests."""
    path: str
    """Folder or Hub id."""
    rank: int


@dataclass(frozen=True, slots=True)
class Weights:
    """What a local model consists of, found on this machine. Models of equal ``key`` can share a server."""

    model: LocalConfig
    key: str
    base: str
    """Absolute folder or Hub id."""
    adapter: Adapter | None = None
    """An adapter that the server loads beside the base, or merged; None: the base alone is asked."""
    is_compared: bool = True
    """Whether the server is compared with the checkpoint before it is used. False for weights that neither a training
    of this package made nor the engine converted: a large teacher need not be loaded a second time."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One server process."""

    base: str
    adapters: tuple[Adapter, ...]
    port: int
    gpus: tuple[str, ...]
    """Of this process; empty on a machine without GPUs."""
    memory_share: float
    host: str = "127.0.0.1"
    """Where it listens."""


class InProcess:
    """The engine of ``understudy.models.local``."""

    def __init__(self, _: PartConfig) -> None:
        return


class ServerEngine:
    """Base of the engines that start servers with an OpenAI-compatible ``/v1/completions``; a class of another package
    inherits from it and has to define ``command``.
    """

    config: ServerConfig
    health_path = "/health"
    """Answers 200 once all that was asked for is loaded."""
    converts_weights = False
    """Whether a server reads a copy of the weights that was made for it. An adapter is then merged into the copy."""
    gives_prompt_logprobs = True
    """Whether a server returns log-probabilities of a prompt's tokens, which the teacher of an on-policy training has
    to; if not, such a teacher is computed by the training."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config

    def serves(self, _: LocalConfig, /) -> bool:
        """Whether the model is computed by a server."""
        return True

    def require(self) -> None:
        """Raise ``OSError`` if what the engine needs is not installed. A run asks before its first stage."""
        return

    def weights(self, model: LocalConfig) -> Weights:
        """What a server has to load. Each base has a server, and each adapter its own name on it; or each student has a
        server, if the engine converts weights.

        Raises ``EngineError`` for a model that the engine cannot serve, ``OSError`` for one that does not exist.
        """
        if model.dtype is DType.FLOAT64:
            raise EngineError(
                f"{name_in_records(model)}: the engine {self.config.kind} has no float64: choose another dtype, or no "
                "engine"
            )
        if model.quantization is not None:
            raise EngineError(
                f"{name_in_records(model)}: quantization: {model.quantization.value} is for engine: transformers, and "
                f"{self.config.kind} computes this model here: set engine: transformers, or leave quantization out"
            )
        base, adapter = found_parts(model)
        parts = [base, adapter] if adapter and self.converts_weights else [base]
        settings = [self.config.model_dump(mode="json"), model.dtype.value]
        key = digest([*settings, *([part, version_of(part)] for part in parts)])
        if adapter is None:
            return Weights(model, key, base, is_compared=self.converts_weights or (Path(base) / CARD).is_file())
        rank = 0 if self.converts_weights else rank_of(adapter)
        return Weights(model, key, base, Adapter(adapter_name(model, adapter), adapter, rank))

    def command(self, weights: Weights, launch: Launch) -> list[str]:
        """The command of a server. ``weights``: of any model that it serves. Raises ``OSError`` without its program."""
        raise NotImplementedError

    def environment(self, launch: Launch) -> dict[str, str]:
        """Environment variables that are set for the server."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(launch.gpus)} if launch.gpus else {}

    def load_adapter(self, _url: str, _adapter: Adapter, _launched: Launch, /) -> bool:
        """Load an adapter into a running server; False if the server has to be started again for it.

        Raises ``EngineError`` if the server refuses the adapter.
        """
        return False

    def client(self, weights: Weights, urls: Sequence[str]) -> OpenAIChatConfig:
        """How the model is asked. Prompts are sent as token ids, rendered as for the model in this process."""
        model = weights.model
        own = (Path(model.path).expanduser() / "tokenizer_config.json").exists() or weights.adapter is None
        return OpenAIChatConfig(
            model=weights.adapter.name if weights.adapter else BASE_NAME,
            base_urls=tuple(urls),
            prefix_delivery="completion",
            tokenizer=model.path if own else weights.base,
            token_ids=True,
            max_retries=RETRIES,
            max_retry_wait_s=RETRY_WAIT_S,
            max_in_flight=256,
        )


def serving_engine(model: LocalConfig) -> ServerEngine | None:
    """The engine whose servers compute the model; None if it is computed in this process."""
    engine = ENGINES.open(model.engine)
    if isinstance(engine, InProcess):
        return None
    if not isinstance(engine, ServerEngine):
        raise EngineError(f"{model.engine.kind}: expected a class that inherits from {__name__}.ServerEngine")
    return engine if engine.serves(model) else None


def found_parts(model: LocalConfig) -> tuple[str, str | None]:
    """Base and adapter as absolute folders or Hub ids. Raises ``OSError``, ``ValueError`` as opening the model does."""
    base, adapter = base_and_adapter(model.path, model.adapter)
    return locate(base), None if adapter is None else locate_adapter(adapter)


def name_in_records(model: LocalConfig) -> str:
    """The name of a local model: its own, else its path and adapter."""
    return model.name or " + ".join(filter(None, [model.path, model.adapter]))


def adapter_name(model: LocalConfig, adapter: str) -> str:
    """A name for requests, which another adapter of the same name, or of an earlier training, does not have."""
    return f"{Path(name_in_records(model)).name}@{digest([adapter, version_of(adapter)])[:12]}"


def version_of(path: str) -> str:
    """Changes with the files of a folder; empty for a Hub id."""
    return content_digest(Path(path)) if Path(path).exists() else ""


def adapter_settings(adapter: str) -> dict[str, Any]:
    """The ``adapter_config.json`` of a LoRA adapter. Raises ``EngineError`` for another kind of adapter."""
    path = Path(adapter) / ADAPTER_SETTINGS
    if not path.parent.is_dir():
        from huggingface_hub import hf_hub_download

        with naming_what_is_missing(adapter):
            path = Path(hf_hub_download(adapter, ADAPTER_SETTINGS))
    settings: dict[str, Any] = json.loads(path.read_text())
    if settings.get("peft_type", "LORA") != "LORA":
        raise EngineError(f"{adapter}: expected a LoRA adapter; it is one of kind {settings['peft_type']}")
    return settings


def rank_of(adapter: str) -> int:
    """The rank of a LoRA adapter: the largest of its layers."""
    settings = adapter_settings(adapter)
    return max(int(rank) for rank in [settings["r"], *(settings.get("rank_pattern") or {}).values()])
