"""Which model: a server by URL, a checkpoint in this process, or a program.

In: the ``model`` section of a recipe. Out: the typed config of a built-in kind. Not here: sampling, which each request
states; the group of kinds and how they are opened (see ``model``).
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    JsonValue,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from understudy.access import server_address
from understudy.annotations import (
    ADAPTER_SETTINGS,
    CodeTarget,
    Folders,
    ModelPath,
    SpeedOnly,
    VariableName,
)
from understudy.models.engines.kinds import EngineConfig, TransformersConfig
from understudy.records import PrefixDelivery
from understudy.records.record import is_empty
from understudy.registry import PartConfig

_OURS = frozenset({"model", "messages", "prompt", "n", "stream", "tools"})
"""Fields of a request that the agent decides."""


class DType(StrEnum):
    """Number format of the weights in memory."""

    AUTO = "auto"
    """As the checkpoint was saved; float32 on a CPU, where half precision is several times slower."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT64 = "float64"
    """Exact enough that replies do not depend on their batch; slow."""


class Quantization(StrEnum):
    """Rounding of the weights in memory."""

    INT8 = "int8"
    """Eight bits, on a CPU. Replies differ from those of the checkpoint."""


class Device(StrEnum):
    """Where a local model computes."""

    AUTO = "auto"
    """The first GPU, if there is one."""
    CPU = "cpu"
    CUDA = "cuda"


class OpenAIChatConfig(PartConfig):
    """A model behind one or more servers that speak OpenAI's chat protocol."""

    kind: Literal["openai_chat"] = "openai_chat"
    model: Annotated[str, Field(min_length=1)]
    """Name of the model on the server."""
    base_urls: Annotated[tuple[str, ...], Field(min_length=1), SpeedOnly] = ("https://api.openai.com/v1",)
    """Each request goes to the one with the fewest requests in flight; a failing one is skipped for a while."""
    api_key_env: Annotated[VariableName | None, SpeedOnly] = None
    """Name of the environment variable with the key. None: the server needs none."""
    timeout_s: Annotated[PositiveFloat, SpeedOnly] = 600.0
    """Limit of one attempt at one request."""
    max_retries: Annotated[int, Field(ge=0), SpeedOnly] = 10
    """Ten retries last three to four minutes, long enough to restart vLLM with a small model."""
    max_retry_wait_s: Annotated[PositiveFloat, SpeedOnly] = 60.0
    """Longest wait before an attempt, also if Retry-After is longer."""
    max_in_flight: Annotated[PositiveInt, SpeedOnly] = 64
    """Concurrent requests over all endpoints."""
    prompt_price_usd: NonNegativeFloat | None = None
    """Price of a million prompt tokens."""
    completion_price_usd: NonNegativeFloat | None = None
    """Price of a million generated tokens."""
    prefix_delivery: Literal["auto"] | PrefixDelivery = "auto"
    """How the model is made to begin with a prefill. With ``auto`` the client asks the server what it is: vLLM, SGLang
    and our own server continue a message, others are instructed.
    """
    tokenizer: ModelPath | None = None
    """Folder or Hub id, to render prompts for ``prefix_delivery: completion``."""
    token_ids: bool = False
    """Ask for the ids of sampled tokens (vLLM and our own server have them)."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Added to the body of each request, such as ``{"chat_template_kwargs": {"enable_thinking": false}}``."""

    @field_validator("base_urls")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(server_address, urls))

    @field_validator("extra_body")
    @classmethod
    def _replaces_no_question(cls, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if written := sorted(_OURS & body.keys()):
            raise ValueError(f"expected fields that requests do not have already; got {', '.join(written)}")
        return body

    @model_validator(mode="after")
    def _completion_needs_a_tokenizer(self) -> Self:
        if self.prefix_delivery == PrefixDelivery.COMPLETION and self.tokenizer is None:
            raise ValueError(
                "prefix_delivery: completion renders prompts itself and needs tokenizer: a folder or Hub id"
            )
        return self


class LocalConfig(PartConfig):
    """A checkpoint, in this process or in a server that is started for it (``engine``)."""

    kind: Literal["local"] = "local"
    path: ModelPath
    """Folder or Hub id."""
    adapter: ModelPath | None = None
    """Folder or Hub id of a LoRA adapter; it is merged into the weights in memory."""
    name: str | None = None
    """The name in records; by default the path (and adapter)."""
    engine: Annotated[EngineConfig, SpeedOnly] = TransformersConfig()
    """What computes it: ``transformers`` in this process; or a server that is started and stopped for it, ``vllm`` or
    ``llama_cpp``. ``auto`` takes vLLM where it is installed and there is a GPU."""
    dtype: DType = DType.AUTO
    quantization: Annotated[Quantization | None, Field(exclude_if=is_empty)] = None
    """``int8``: the linear layers compute with weights of eight bits, which is faster on a CPU. It changes replies, so
    it is part of the settings that results depend on. Trainings start from the weights as they are."""
    device: Annotated[Device, SpeedOnly] = Device.AUTO
    max_batch_size: Annotated[PositiveInt, SpeedOnly] = 128
    """Completions that are decoded at the same time."""
    max_batch_tokens: Annotated[PositiveInt | None, SpeedOnly] = None
    """Limit of the number of completions times the longest of them, prompt and reply. It limits the memory of the KV
    cache. None: as many as a quarter of the memory of the device holds, and at most 262,144."""
    prefix_cache_gb: Annotated[NonNegativeFloat, SpeedOnly] = 1.0
    """Limit of the memory for keys and values of finished replies, in GB. A prompt that begins with one of them, as an
    agent's next step does, does not read it again. What was used least recently goes first. 0: nothing is kept."""

    @field_validator("adapter")
    @classmethod
    def _is_an_adapter(cls, adapter: str | None, info: ValidationInfo) -> str | None:
        folder = Path(adapter or "")
        is_found = isinstance(info.context, Folders) and adapter and folder.is_dir()
        if is_found and not (folder / ADAPTER_SETTINGS).is_file():
            raise ValueError(f"expected an adapter; there is no {ADAPTER_SETTINGS} in {folder}")
        return adapter

    @model_validator(mode="after")
    def _some_numbers_are_computed_here(self) -> Self:
        if self.dtype is DType.FLOAT64 and self.engine.kind in {"vllm", "llama_cpp"}:
            raise ValueError(f"dtype: float64 is for engine: transformers, got {self.engine.kind}")
        if self.quantization is None:
            return self
        if self.dtype not in {DType.AUTO, DType.FLOAT32}:
            raise ValueError(f"quantization: int8 needs dtype: float32 or auto, got {self.dtype.value}")
        if self.device is Device.CUDA:
            raise ValueError("quantization: int8 is for a CPU, got device: cuda")
        if self.engine.kind not in {"transformers", "auto"}:
            raise ValueError(f"quantization: int8 is for engine: transformers, got {self.engine.kind}")
        return self

    @property
    def extras(self) -> tuple[str, ...]:
        """Extras of this package that it needs."""
        return ("local",)


class ScriptedConfig(PartConfig):
    """A program in place of a model."""

    kind: Literal["scripted"] = "scripted"
    program: CodeTarget
    """``module:function``. The function takes a ``Request`` and returns the text of one reply."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments for the function."""
    name: str | None = None
    """The name in records; by default the program."""
