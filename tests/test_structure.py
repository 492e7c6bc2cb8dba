"""The shape of the code: no import cycle at any depth, modules and functions that are read in one sitting."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).resolve().parents[1] / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}


def imported(name: str, path: Path) -> set[str]:
    """Modules of the package that a module imports anywhere: at the top, in functions, for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {one for one in inner if one in MODULES}
            found |= modules if len(modules) == len(inner) else {node.module, *modules}
    return {one for one in found if one in MODULES and one != name}


def components(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Strongly connected components of more than one module."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for below in graph[todo.pop()] - seen:
                seen.add(below)
                todo.append(below)
        reach[start] = seen
    done: set[str] = set()
    for one in graph:
        circle = {other for other in reach[one] if one in reach[other]}
        if circle and one not in done:
            done |= circle
            yield circle


def functions() -> Iterator[tuple[str, int]]:
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_modules_import_one_another() -> None:
    # A package's __init__ gathers the names of its modules; its modules import one another, never the package.
    graph = {name: imported(name, path) for name, path in MODULES.items()}
    assert list(components(graph)) == []


def test_modules_and_functions_are_short() -> None:
    long_modules = {name: n for name, path in MODULES.items() if (n := len(path.read_text().splitlines())) > 300}
    assert long_modules == {}
    lengths = dict(functions())
    assert {name: n for name, n in lengths.items() if n > 60} == {}
    assert median(lengths.values()) <= 10


def test_python_is_parsed_in_one_place() -> None:
    """CPython 3.11 fails when two threads are in ``ast.parse``; ``sandbox/inside`` is a process of its own."""
    parses = re.compile(r"\bast\.parse\(|\bast\.literal_eval\(\w*text|\bast\.literal_eval\(\w*code")
    found = {
        path.relative_to(SOURCE / "understudy").as_posix()
        for path in SOURCE.rglob("*.py")
        if parses.search(path.read_text())
    }
    assert found == {"python_syntax.py", "sandbox/inside/runner.py"}
