"""The engine ``auto``: vLLM where it is installed and there is a GPU, else transformers in this process.

In: the settings of vLLM. Out: one of the two engines. Not here: either of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar, Literal

from understudy.models.config import Device, DType, LocalConfig
from understudy.models.engines.engine import ServerConfig
from understudy.models.engines.gpus import visible_gpus
from understudy.models.engines.vllm import Vllm, VllmConfig


class AutoConfig(ServerConfig):
    """vLLM where its executable and a GPU are there, else transformers in this process."""

    kind: Literal["auto"] = "auto"
    set_otherwise: ClassVar[Mapping[str, str]] = VllmConfig.set_otherwise
    runs_on_nodes: ClassVar[bool] = False  # it looks for GPUs of this machine


class Auto(Vllm):
    """vLLM, for the models that it serves here."""

    def serves(self, model: LocalConfig, /) -> bool:
        """Whether there is a GPU that the model may use, and vLLM."""
        has_vllm = shutil.which(self.config.executable or "vllm") is not None
        return has_vllm and model.device is not Device.CPU and model.dtype is not DType.FLOAT64 and bool(visible_gpus())
