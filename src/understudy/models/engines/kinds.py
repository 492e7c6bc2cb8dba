"""The kinds of engines, and the config of the one that is used if a recipe names none.

In: ``engine`` of a local model. Out: its typed config. Not here: what an engine does (see ``engine``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from understudy.registry import Builtin, Group, PartConfig

_HERE = "understudy.models.engines"


class TransformersConfig(PartConfig):
    """transformers in this process."""

    kind: Literal["transformers"] = "transformers"


ENGINES: Group[object] = Group(
    "engines",
    "computes a local model: in this process, or in a server that is started for it",
    {
        "transformers": Builtin(config=f"{_HERE}.kinds:TransformersConfig", part=f"{_HERE}.engine:InProcess"),
        "vllm": Builtin(config=f"{_HERE}.vllm:VllmConfig", part=f"{_HERE}.vllm:Vllm"),
        "llama_cpp": Builtin(config=f"{_HERE}.llama_cpp:LlamaCppConfig", part=f"{_HERE}.llama_cpp:LlamaCpp"),
        "auto": Builtin(config=f"{_HERE}.auto:AutoConfig", part=f"{_HERE}.auto:Auto"),
    },
    methods=("weights",),
)
EngineConfig = Annotated[PartConfig, ENGINES]
