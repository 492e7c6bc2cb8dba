"""Source text of modules, for processes that have no file system.

In: a dotted name from a process that may be hostile. Out: the module's source, or nothing. A name is served when its
first part is a module of the standard library, one of those the sandbox preloads (with what these brought along), or
on the allowlist. Names become paths only through Python's own finders, and only ``.py`` files found so are read. C
extensions are never served.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader

from understudy.sandbox.inside.frames import Frame

_MAX_NAME = 200
_MAX_PARTS = 12
_REFUSED: Frame = {"t": "source", "source": None}


class ImportBroker:
    """Answers ``import`` frames. Safe from many threads."""

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages | sys.stdlib_module_names
        self._known: dict[str, Frame] = {}
        self._lock = threading.Lock()

    def answer(self, name: object) -> Frame:
        """A ``source`` frame; its source is None if there is nothing to give."""
        if not isinstance(name, str) or len(name) > _MAX_NAME:
            return _REFUSED
        parts = name.split(".")
        if len(parts) > _MAX_PARTS or parts[0] not in self._packages or not all(part.isidentifier() for part in parts):
            return _REFUSED
        with self._lock:
            known = self._known.get(name)
        if known is not None:
            return known
        frame = _read(parts)
        if frame is not _REFUSED:  # the number of modules there are bounds this, the number of names asked does not
            with self._lock:
                self._known[name] = frame
        return frame


def _read(parts: list[str]) -> Frame:
    spec = _find(parts)
    if spec is None:
        return _REFUSED
    loader = spec.loader
    is_package = spec.submodule_search_locations is not None
    if loader is None and is_package:
        return {"t": "source", "source": "", "package": True}
    if not isinstance(loader, SourceFileLoader) or spec.origin is None:
        return _REFUSED
    try:
        source = loader.get_source(spec.name)
    except (ImportError, OSError):
        return _REFUSED
    return _REFUSED if source is None else {"t": "source", "source": source, "package": is_package}


def _find(parts: list[str]) -> ModuleSpec | None:
    """The spec of a module without importing its parents."""
    spec: ModuleSpec | None = None
    for end in range(1, len(parts) + 1):
        path = list(spec.submodule_search_locations or ()) if spec else None
        if path is not None and not path:
            return None
        spec = PathFinder.find_spec(".".join(parts[:end]), path)
        if spec is None:
            return None
    return spec
