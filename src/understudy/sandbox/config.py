"""What a sandbox is asked to be.

In: a recipe's values. Out: ``SandboxConfig``. The level is demanded, never negotiated: what cannot be had is refused.
"""

from __future__ import annotations

from enum import StrEnum

from understudy.records import Record
from understudy.sandbox.execution import Limits

PROTOCOL_IMPORTS = (
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
"""What the paper's agents may import (protocol table), with numpy and sympy."""

WIDER_IMPORTS = (
    *PROTOCOL_IMPORTS,
    "abc",
    "bisect",
    "calendar",
    "cmath",
    "contextlib",
    "copy",
    "dataclasses",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "json",
    "mpmath",
    "numbers",
    "operator",
    "string",
    "textwrap",
    "types",
    "typing",
)
"""The same and what else ordinary programs ask for. No less safe: the allowlist of imports is no part of the
isolation.
"""


class Level(StrEnum):
    """How code is confined."""

    KERNEL = "kernel"
    """seccomp allowlist, import broker, Landlock where present, no capabilities, resource limits. Linux, no root, no
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
    """How the state before an action is had again when the action's process dies."""

    AUTO = "auto"
    """Whichever is cheaper here: a fork is timed when the sandbox opens."""
    FORK = "fork"
    """Every action runs in a fork of the state's process, which stays until the action has survived."""
    REPLAY = "replay"
    """Actions run in place; after a death the earlier ones run again in a new process, with the answers they had
    got.
    """


class SandboxConfig(Record):
    """One sandbox: a zygote and the episodes it gives birth to."""

    level: Level = Level.KERNEL
    preload: tuple[str, ...] = ("numpy", "sympy")
    """Loaded once, before the first episode. C extensions can be had in no other way."""
    imports: tuple[str, ...] = PROTOCOL_IMPORTS
    """Modules, with all below them, that the code may import. What is not of the standard library counts only when it
    is preloaded, or brought along by what is.
    """
    limits: Limits = Limits()
    rollback: Rollback = Rollback.AUTO
    docker_image: str = ""
    """Image for level ``docker``: this Python's version with the preloaded libraries in this process's versions."""
