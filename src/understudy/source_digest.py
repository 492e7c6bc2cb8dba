"""Which code a user's part runs: its source file and the modules of the same project that it imports.

In: a module, a file, or the command of a program. Out: a digest, which changes with any of these files. Not here:
installed packages of others, whose versions the manifest states, and data that the code reads.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.util import find_spec, resolve_name
from itertools import pairwise
from pathlib import Path

from understudy.python_syntax import parse_module

_INSTALLED = ("site-packages", "dist-packages")
_SCRIPTS = (".py", ".js", ".cjs", ".mjs", ".ts", ".sh")
_STANDARD = Path(sysconfig.get_path("stdlib")).resolve()


def source_digest(file: Path, module: str = "", package: str = "") -> str:
    """Sixteen hex digits. A file that imports no module of its project is named by its bytes alone.

    Args:
        file: The source.
        module: Its name, such as ``shop.tools``.
        package: The package that its relative imports begin at, such as ``shop``.

    Raises ``OSError`` if the file cannot be read.
    """
    files = {module: file}
    todo = [(module, package)]
    while todo:
        name, inside = todo.pop()
        for imported in _imports(files[name], inside):
            found = None if imported in files else _of_project(imported, name)
            if found is not None:
                files[imported], is_package = found
                todo.append((imported, imported if is_package else imported.rpartition(".")[0]))
    sources = [files.pop(module).read_bytes(), *(files[name].read_bytes() for name in sorted(files))]
    whole = sources[0] if len(sources) == 1 else b"".join(hashlib.sha256(one).digest() for one in sources)
    return hashlib.sha256(whole).hexdigest()[:16]


def command_digest(command: Sequence[str]) -> str | None:
    """Sixteen hex digits of the scripts and Python modules that a command names; None if it names none."""
    scripts = [Path(word) for word in command if Path(word).suffix in _SCRIPTS and Path(word).is_file()]
    digests = [source_digest(script) for script in scripts]
    for flag, name in pairwise(command):
        if flag == "-m" and (found := _of_project(name, name)) is not None:
            main = _of_project(f"{name}.__main__", name) if found[1] else None
            digests.append(source_digest((main or found)[0], name, name if found[1] else name.rpartition(".")[0]))
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16] if digests else None


def _imports(file: Path, package: str) -> Iterator[str]:
    """Names that may be modules, those of ``from a import b`` with and without ``b``."""
    try:
        tree = parse_module(file.read_bytes())
    except (SyntaxError, ValueError):  # another language, or a file that is being edited
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:  # a relative import in a file without a package
                continue
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _of_project(name: str, importer: str) -> tuple[Path, bool] | None:
    """The file of a module, and whether it is a package; None if it is installed or does not exist."""
    top = name.partition(".")[0]
    if top == "understudy" or top in sys.stdlib_module_names:
        return None
    try:
        root = find_spec(top)  # imports nothing
        same = top == importer.partition(".")[0]
        if root is None or not (same or _is_own(root.origin or next(iter(root.submodule_search_locations or ()), ""))):
            return None
        spec = find_spec(name)
    except Exception:  # importing a package of the user's may raise anything
        return None
    if spec is None or spec.origin is None or Path(spec.origin).suffix != ".py":
        return None
    return Path(spec.origin), spec.submodule_search_locations is not None


def _is_own(origin: str) -> bool:
    path = Path(origin).resolve()
    return bool(origin) and not path.is_relative_to(_STANDARD) and not set(_INSTALLED) & set(path.parts)
