"""Where a checkpoint lies: a folder of this machine, a GGUF file, or a repository of the Hub.

In: what a recipe or a command names. Out: the absolute path of a folder that exists, or a Hub id. A GGUF file stands
for the folder that it is converted to. A name such as ``demo/base`` can be either; a folder comes first, and every
error says which folder was looked at, so that nobody gets another's weights because a command was run from elsewhere.
Not here: loading.
"""

from __future__ import annotations

import json
from pathlib import Path

from understudy.annotations import HUB_ID, in_package, without_checkpoint
from understudy.models.gguf_file import dequantised, is_gguf

ADAPTER = "adapter_config.json"


def locate(path: str) -> str:
    """An existing folder as an absolute path; else a Hub id as it is.

    Raises ``FileNotFoundError`` for a path that cannot be a Hub id and is not a folder, or is one without a checkpoint,
    ``GgufError`` for a file that cannot be read.
    """
    folder = Path(in_package(path)).expanduser()
    if is_gguf(path):
        if not folder.is_file():
            raise FileNotFoundError(f"{path}: there is no file {folder.absolute()}")
        return str(dequantised(folder.absolute()))
    if folder.is_file():
        raise FileNotFoundError(f"{folder.absolute()} is a file: expected a folder with a checkpoint, or a .gguf file")
    if folder.is_dir():
        if problem := without_checkpoint(folder.absolute()):
            raise FileNotFoundError(problem)
        return str(folder.absolute())
    if path.startswith((".", "~", "/")) or not HUB_ID.fullmatch(path):
        raise FileNotFoundError(f"{path}: there is no folder {folder.absolute()}, and this cannot be a Hub id")
    return path


def base_and_adapter(path: str, adapter: str | None) -> tuple[str, str | None]:
    """The base, and the adapter on it. A folder that holds an adapter alone names its base itself.

    Raises ``ValueError`` for an adapter on an adapter, ``FileNotFoundError`` for a base that is not there.
    """
    folder = Path(path).expanduser()
    if not (folder / ADAPTER).is_file() or (folder / "config.json").exists():
        return path, adapter
    if adapter is not None:
        raise ValueError(f"{path} is an adapter itself: expected the base of {adapter}")
    return _base_of(folder.absolute()), str(folder.absolute())


def _base_of(adapter: Path) -> str:
    """A relative base belongs to the working directory, or to a folder above the adapter."""
    settings = json.loads((adapter / ADAPTER).read_text())
    base = str(settings.get("base_model_name_or_path") or "")
    if not base:
        raise FileNotFoundError(f"{adapter / ADAPTER} names no base: expected base_model_name_or_path")
    places = [Path.cwd(), *adapter.parents]
    found = next((place / base for place in places if (place / base).exists()), None)
    if found is not None:
        return str(found)
    if Path(base).is_absolute() or base.startswith((".", "~")):
        raise FileNotFoundError(f"the base of the adapter {adapter} is not there: {base}")
    return base
