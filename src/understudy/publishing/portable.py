"""A recipe without paths and addresses of this machine.

In: the recipe as a manifest holds it. Out: the recipe that others can run, and the files and the code that it names
but does not hold. Not here: finding what else would leave this machine (``screening``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import JsonValue

from understudy.annotations import as_in_package

PLACE_OF_SERVER = "http://localhost:8000/v1"
"""Written in place of the addresses of servers, which belong to whoever made the run."""
_CODE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_OURS = "understudy."


def portable(recipe: dict[str, JsonValue], folder: Path | None) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The recipe with relative paths, sections of stages at the top, and placeholders for servers; and what it needs
    besides.

    ``folder``: of the recipe's file. A path below it is written relative to it, any other by its name alone.
    """
    needs: dict[str, None] = {}
    stages = recipe.get("stages")
    flat = {key: value for key, value in recipe.items() if key != "stages"}
    flat |= stages if isinstance(stages, dict) else {}
    made = _portable(flat, folder, needs)
    assert isinstance(made, dict)
    needs |= dict.fromkeys(_own_code(made))
    return made, tuple(needs)


def _portable(value: JsonValue, folder: Path | None, needs: dict[str, None]) -> JsonValue:
    if isinstance(value, dict):
        return {key: _server(key, inner, needs) or _portable(inner, folder, needs) for key, inner in value.items()}
    if isinstance(value, list):
        return [_portable(inner, folder, needs) for inner in value]
    return _path(value, folder, needs) if isinstance(value, str) and value.startswith("/") else value


def _server(key: str, value: JsonValue, needs: dict[str, None]) -> JsonValue:
    """The placeholder, if the key holds addresses of servers; else None."""
    if key != "base_urls" or not isinstance(value, list):
        return None
    needs["a server of the teacher: give its address in models.NAME.base_urls"] = None
    return [PLACE_OF_SERVER]


def _path(path: str, folder: Path | None, needs: dict[str, None]) -> str:
    inside = as_in_package(path)
    if inside != path:
        return inside
    if len(Path(path).parts) < 3 and not Path(path).exists():  # a text that begins with a slash
        return path
    own = Path(path)
    name = own.relative_to(folder).as_posix() if folder is not None and own.is_relative_to(folder) else own.name
    needs[f"the file or folder {name}"] = None
    return name


def _own_code(value: JsonValue) -> Iterator[str]:
    """Targets ``module:name`` that are not of this package."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _own_code(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _own_code(inner)
    elif isinstance(value, str) and _CODE.fullmatch(value) and not value.startswith((_OURS, "package:")):
        yield f"the code {value}"
