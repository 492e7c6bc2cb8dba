"""Settings of a sandbox.

In: a recipe's values. Out: ``SandboxConfig``. The level is a requirement: a machine that cannot provide it is refused.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import field_validator, model_validator

from understudy.records import Record
from understudy.sandbox.execution import Limits

PAPER_IMPORTS = (
    "collections",
    "datetime",
    "itertools",
    "math",
    "numpy",
    "queue",
    "random",
    "re",
    "stat",
    "statistics",
    "sympy",
    "time",
    "unicodedata",
)
"""``imports: paper``: what the paper's agents may import (protocol table), with numpy and sympy."""

STANDARD_IMPORTS = (
    *("abc", "array", "ast", "asyncio", "base64", "binascii", "bisect", "calendar", "cmath", "collections"),
    *("colorsys", "contextlib", "contextvars", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib"),
    *("enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac", "html", "inspect", "io"),
    *("ipaddress", "itertools", "json", "logging", "math", "numbers", "operator", "pprint", "queue", "random", "re"),
    *("reprlib", "secrets", "shlex", "stat", "statistics", "string", "struct", "sys", "textwrap", "time", "timeit"),
    *("traceback", "types", "typing", "unicodedata", "urllib.parse", "uuid", "warnings", "weakref", "zlib"),
)
"""``imports: standard``, the default, with what is preloaded: the modules of the standard library that calculate, and
none for files, networks, processes or threads, which the kernel refuses. It is as safe as the paper's list, because the
list of imports is not part of the isolation.
"""

_PRELOADED = ("numpy", "sympy")
_COMES_ALONG = {"sympy": ("mpmath",)}


class Level(StrEnum):
    """How code is confined."""

    KERNEL = "kernel"
    """seccomp allowlist, import broker, Landlock if present, no capabilities, resource limits. Linux, no root, no
    container.
    """
    DOCKER = "docker"
    """The same inside a container without network: a second wall. Needs a Docker engine on this machine and an
    image.
    """
    RLIMITS = "rlimits"
    """NO ISOLATION: resource limits only. The code can read files, use the network and start processes. For trusted
    code.
    """


class Rollback(StrEnum):
    """How the state before an action is restored when the action's process dies."""

    AUTO = "auto"
    """The cheaper of the two on this machine: the sandbox times a fork when it opens."""
    FORK = "fork"
    """Every action runs in a fork of the state's process, which stays until the action has ended well."""
    REPLAY = "replay"
    """Actions run in place; after a crash the earlier ones run again in a new process, with the same answers of
    functions.
    """


class SandboxConfig(Record):
    """One sandbox: a zygote and the episodes that it forks."""

    level: Level = Level.KERNEL
    preload: tuple[str, ...] = _PRELOADED
    """Loaded once, before the first episode. C extensions can be loaded in no other way."""
    imports: tuple[str, ...] = ("standard",)
    """Modules, with all below them, that the code may import. ``standard`` and ``paper``, alone or in the list, stand
    for ``STANDARD_IMPORTS`` with all that is preloaded and for ``PAPER_IMPORTS``. Other modules must be of the standard
    library, preloaded, or loaded by what is.
    """
    limits: Limits = Limits()
    rollback: Rollback = Rollback.AUTO
    docker_image: str = ""
    """Image for level ``docker``: this Python's version with the preloaded libraries in this process's versions."""

    @field_validator("imports")
    @classmethod
    def _are_modules(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            package = name.partition(".")[0]
            if not (package.isidentifier() and importlib.util.find_spec(package)):
                raise ValueError(f"expected standard, paper or names of modules; there is no module {name!r}")
        return names

    @model_validator(mode="before")
    @classmethod
    def _expand_named_lists(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        imports, preload = data.get("imports", ("standard",)), data.get("preload", _PRELOADED)
        named = [imports] if isinstance(imports, str) else imports
        if not all(isinstance(each, list | tuple) for each in (named, preload)):
            return data  # refused by the fields' types
        return {**data, "imports": tuple(dict.fromkeys(one for each in named for one in _expanded(each, preload)))}


def _expanded(name: object, preload: Sequence[object]) -> Iterable[object]:
    """The modules that a word of ``imports`` stands for. Libraries count if they are loaded."""
    if name == "paper":
        return [one for one in PAPER_IMPORTS if one in preload or one not in _PRELOADED]
    if name == "standard":
        along = [one for library in preload for one in _COMES_ALONG.get(str(library), ())]
        return sorted({*STANDARD_IMPORTS, *map(str, preload), *along})
    return [name]
