"""Finds a checkpoint: a folder of this machine, a GGUF file, or a repository of the Hub.

In: the path or id in a recipe or a command. Out: the absolute path of an existing folder, or a Hub id. A GGUF file is
replaced by the folder that it is converted to. A name such as ``demo/base`` can be a folder or an id; the folder is
tried first, and every error names the folder that was tried, so that nobody gets other weights by running a command
from another place. Not here: loading.
"""

from __future__ import annotations

import json
from pathlib import Path

from understudy.annotations import ADAPTER_SETTINGS, HUB_ID, in_package, without_checkpoint
from understudy.models.gguf_file import dequantised, is_gguf

CARD = "student.json"
"""In the folder of a student that this package trained: its origin and settings."""


def locate(path: str) -> str:
    """An existing folder as an absolute path, or the Hub id.

    Raises ``FileNotFoundError`` for a path that cannot be a Hub id and is not a folder, or is a folder without a
    checkpoint, ``GgufError`` for a file that cannot be read.
    """
    folder = Path(in_package(path)).expanduser()
    if is_gguf(path):
        if not folder.is_file():
            raise FileNotFoundError(f"{path}: the file {folder.absolute()} does not exist")
        return str(dequantised(folder.absolute()))
    if folder.is_file():
        raise FileNotFoundError(f"{folder.absolute()} is a file: expected a folder with a checkpoint, or a .gguf file")
    if folder.is_dir():
        if problem := without_checkpoint(folder.absolute()):
            raise FileNotFoundError(problem)
        return str(folder.absolute())
    if path.startswith((".", "~", "/")) or not HUB_ID.fullmatch(path):
        raise FileNotFoundError(
            f"{path}: the folder {folder.absolute()} does not exist, and the name cannot be a Hub id"
        )
    return path


def locate_adapter(path: str) -> str:
    """As ``locate``. Raises ``FileNotFoundError`` too for a folder without an adapter, such as one of whole weights."""
    found = locate(path)
    if Path(found).is_dir() and not (Path(found) / ADAPTER_SETTINGS).is_file():
        raise FileNotFoundError(
            f"{found}: expected an adapter, there is no {ADAPTER_SETTINGS} in it; whole weights are named by path alone"
        )
    return found


def base_and_adapter(path: str, adapter: str | None) -> tuple[str, str | None]:
    """The base, and the adapter on it. A folder that contains only an adapter names its base itself.

    Raises ``ValueError`` for an adapter on an adapter, ``FileNotFoundError`` if the base is missing.
    """
    folder = Path(path).expanduser()
    if not (folder / ADAPTER_SETTINGS).is_file() or (folder / "config.json").exists():
        return path, adapter
    if adapter is not None:
        raise ValueError(f"{path} is an adapter itself: expected the base of {adapter}")
    return _base_of(folder.absolute()), str(folder.absolute())


def _base_of(adapter: Path) -> str:
    """A relative base path is relative to the working directory, or to a folder above the adapter."""
    settings = json.loads((adapter / ADAPTER_SETTINGS).read_text())
    base = str(settings.get("base_model_name_or_path") or "")
    if not base:
        raise FileNotFoundError(f"{adapter / ADAPTER_SETTINGS} names no base: expected base_model_name_or_path")
    places = [Path.cwd(), *adapter.parents]
    found = next((place / base for place in places if (place / base).exists()), None)
    if found is not None:
        return str(found)
    if Path(base).is_absolute() or base.startswith((".", "~")):
        raise FileNotFoundError(f"the base of the adapter {adapter} does not exist: {base}")
    return base
