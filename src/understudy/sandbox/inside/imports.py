"""Imports without a file system: the host is asked for a module that is not in memory, by its dotted name.

In: names. Out: modules made of source text that the host chose to send. There are two checks. The allowlist is applied
here, so that code gets an early and clear error. The host decides which source text it sends. Neither is a protection:
the kernel's filters are.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, ModuleType

from .frames import Frame


class ForbiddenImportError(ImportError):
    """The allowlist does not have this module."""


class _SourceLoader(importlib.abc.InspectLoader):
    def __init__(self, source: str, is_package: bool) -> None:
        self._source, self._is_package = source, is_package

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self._source

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002
        return self._is_package

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, _file_name(fullname, self._is_package), "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)


def _file_name(name: str, is_package: bool) -> str:
    return f"/sandbox/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"


class Broker(importlib.abc.MetaPathFinder):
    """Finds modules by asking the host."""

    def __init__(self, ask: Callable[[Frame], Frame]) -> None:
        self._ask = ask

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec with the source in its loader, None if the host has none or will not give it."""
        answer = self._ask({"t": "import", "name": fullname})
        source = answer.get("source")
        if not isinstance(source, str):
            return None
        is_package = bool(answer.get("package"))
        spec = importlib.machinery.ModuleSpec(fullname, _SourceLoader(source, is_package), is_package=is_package)
        spec.origin = _file_name(fullname, is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = ["/sandbox/" + fullname.replace(".", "/")]
        return spec


def cut_off_from_files() -> None:
    """From here on nothing is looked for on disk."""
    sys.path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()
    sys.meta_path[:] = [
        f for f in sys.meta_path if f in (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)
    ]
    linecache.updatecache = lambda *_: []


_real_import = builtins.__import__


def guard_imports(allowed: frozenset[str]) -> None:
    """Let code whose ``__name__`` is ``__main__`` import only what ``allowed`` names, or what lies below it."""

    def guarded_import(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        is_foreign = globals is not None and globals.get("__name__") == "__main__"
        # An import from C, such as that of _strptime, comes with the globals of whoever called it, and with a list.
        named = [f"{name}.{each}" for each in fromlist or ()] or [name]
        is_allowed = all(_is_allowed(each, allowed) for each in named)
        if level == 0 and is_foreign and type(fromlist) is not list and not is_allowed:
            names = ", ".join(sorted(allowed))
            raise ForbiddenImportError(
                f"import of {name!r} is not allowed here: code in this sandbox calculates, without files, network, "
                f"processes and threads; what can be imported: {names}",
                name=name,
            )
        return _real_import(name, globals, locals, fromlist or (), level)

    builtins.__import__ = guarded_import


def _is_allowed(name: str, allowed: frozenset[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:end]) in allowed for end in range(1, len(parts) + 1)) or parts[0] == "__future__"
