"""Lazy names of a package, so that importing the package loads nothing.

In: the package and the module of each of its names. Out: the package's ``__getattr__`` and ``__dir__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``homes``: name → module, relative to the package or absolute."""

    def look_up(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no name {name!r}; it has {', '.join(sorted(homes))}")
        return getattr(import_module(homes[name], package), name)

    return look_up, lambda: sorted(homes)
