"""Models: messages in, completions out.

In: a ``ModelConfig`` and ``Request`` records. Out: ``Completion`` records, exactly as many as requested. ``open_model``
opens a model by URL (``openai_chat``), a checkpoint in this process (``local``) or a program (``scripted``).
``understudy.models.rendering`` is the one way from messages to token ids.

Not promised: that two servers sample the same reply with the same seed; a local model does.
"""

from understudy.models.config import Device, DType, LocalConfig, OpenAIChatConfig, Quantization, ScriptedConfig
from understudy.models.engines.kinds import ENGINES
from understudy.models.model import (
    MODELS,
    ContextFullError,
    Model,
    ModelConfig,
    ProgramError,
    ProviderError,
    Request,
    open_model,
)
from understudy.models.scripted import Program, ScriptedModel

__all__ = [
    "ENGINES",
    "MODELS",
    "ContextFullError",
    "DType",
    "Device",
    "LocalConfig",
    "Model",
    "ModelConfig",
    "OpenAIChatConfig",
    "Program",
    "ProgramError",
    "ProviderError",
    "Quantization",
    "Request",
    "ScriptedConfig",
    "ScriptedModel",
    "open_model",
]
