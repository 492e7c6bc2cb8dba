"""Models: messages in, completions out.

In: a ``ModelConfig`` and ``Request`` records. Out: ``Completion`` records, exactly as many as asked for.
``open_model`` gives a model by URL (``openai_chat``), a checkpoint in this process (``local``) or a
program (``scripted``). ``understudy.models.rendering`` is the one way from messages to token ids.

Not promised: that two servers sample the same reply from the same seed; a local model does.
"""

from understudy.models.config import (
    Device,
    DType,
    LocalConfig,
    ModelConfig,
    OpenAIChatConfig,
    ScriptedConfig,
    open_model,
)
from understudy.models.model import ContextFullError, Model, ProviderError, Request
from understudy.models.scripted import Program, ScriptedModel

__all__ = [
    "ContextFullError",
    "DType",
    "Device",
    "LocalConfig",
    "Model",
    "ModelConfig",
    "OpenAIChatConfig",
    "Program",
    "ProviderError",
    "Request",
    "ScriptedConfig",
    "ScriptedModel",
    "open_model",
]
