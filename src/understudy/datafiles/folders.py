"""Folders of data files, folders that ``datasets`` saved, and data sets on the Hugging Face Hub.

In: a folder or a Hub id, and the split that is wanted. Out: rows. Not here: single files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from understudy.datafiles.files import file_rows
from understudy.datafiles.rows import DataFileError, Row, Rows
from understudy.hub import hub_or_cache

_SAVED_TO_DISK = ("dataset_dict.json", "state.json")
_SPLIT = re.compile(r"(?:^|[-._])(train|training|test|testing|validation|valid|val|dev|eval)(?:[-._]|$)")
_SHARD = re.compile(r"[-_.]\d+(?:[-_]of[-_]\d+)?$")
_FORMATS = {".parquet": "Parquet", ".jsonl": "JSONL", ".ndjson": "JSONL", ".json": "JSON"}
_METADATA = frozenset({"dataset_info.json", "dataset_infos.json", "config.json"})


def read_rows(path: Path, split: str = "") -> Rows:
    """Yield the rows of a file or a folder. ``split`` chooses one of a folder's splits.

    Raises ``FileNotFoundError``, ``DataFileError``.
    """
    if path.is_dir():
        return _folder_rows(path, split)
    if not path.exists():
        raise FileNotFoundError(f"{path.absolute()}: there is no such file or folder")
    return file_rows(path)


def hub_rows(
    hub: str, subset: str | None = None, split: str = "", revision: str | None = None, cache_dir: Path | None = None
) -> Rows:
    """Yield the rows of a data set on the Hub. Raises ``DataFileError``."""
    if Path(hub).exists() or hub.count("/") > 1 or hub.startswith((".", "~", "/")):
        raise DataFileError(f"hub: expected the name of a data set on the Hub, {hub!r} is a path; name it by `path`")
    load = _datasets(f"hub: {hub}").load_dataset
    with hub_or_cache() as unreachable:
        try:
            found = load(hub, subset, revision=revision, cache_dir=None if cache_dir is None else str(cache_dir))
        except Exception as error:  # the library raises many kinds where a data set cannot be loaded
            reason = (
                f"{unreachable}, and its cache does not hold it" if unreachable else f"{type(error).__name__}: {error}"
            )
            raise DataFileError(f"hub: {hub} cannot be loaded: {reason}") from error
    return _dataset_rows(found, split, hub)


def _folder_rows(folder: Path, split: str) -> Rows:
    if any((folder / name).is_file() for name in _SAVED_TO_DISK):
        library = _datasets(str(folder))
        try:
            found = library.load_from_disk(str(folder))
        except Exception as error:  # as above
            raise DataFileError(f"{folder} cannot be loaded: {type(error).__name__}: {error}") from error
        yield from _dataset_rows(found, split, str(folder))
        return
    for file in _files_of_split(folder, split):
        yield from file_rows(file)


def _files_of_split(folder: Path, split: str) -> list[Path]:
    files = {file: kind for file in sorted(folder.rglob("*")) if file.is_file() and (kind := _format(file, folder))}
    formats = sorted(set(files.values()))
    if len(formats) != 1:
        raise DataFileError(
            f"{folder}: expected a folder with JSONL, JSON or Parquet files of one format, "
            f"it holds {' and '.join(formats) or 'none of them'}"
        )
    splits = {file: _split_of(file, folder) for file in files}
    named = sorted(set(splits.values()) - {""})
    if not split and len(named) <= 1:
        return list(files)
    chosen = [file for file in files if split and split in (splits[file], _bare_stem(file))]
    if not chosen:
        raise _unknown_split(str(folder), named, split)
    return chosen


def _format(file: Path, folder: Path) -> str:
    """Empty for files without rows."""
    if file.name in _METADATA or any(part.startswith(".") for part in file.relative_to(folder).parts):
        return ""
    return _FORMATS.get(Path(file.name.removesuffix(".gz")).suffix, "")


def _bare_stem(file: Path) -> str:
    return _SHARD.sub("", Path(file.name.removesuffix(".gz")).stem)


def _split_of(file: Path, folder: Path) -> str:
    """``train`` of ``data/train-00000-of-00002.parquet`` or ``train/rows.jsonl``; empty if no name says it."""
    parts = [_bare_stem(file), *reversed(file.relative_to(folder).parts[:-1])]
    return next((found[1] for part in parts if (found := _SPLIT.search(part))), "")


def _unknown_split(where: str, has: list[str], got: str) -> DataFileError:
    return DataFileError(f"split: {where} has {', '.join(has) or 'no splits'}; got {got or 'nothing'!r}")


def _dataset_rows(found: Any, split: str, where: str) -> Rows:
    """Rows of what ``datasets`` loaded: one split, or several by name."""
    if isinstance(found, dict):
        names = sorted(found)
        split = split or (names[0] if len(names) == 1 else "")
        if split not in found:
            raise _unknown_split(where, names, split)
        where, found = f"{where} [{split}]", found[split]
    for number, value in enumerate(found, 1):
        yield Row(value, number, f"{where}, row {number}")


def _datasets(what: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise DataFileError(f"{what} needs the package datasets: pip install 'understudy[hub]'") from None
    return datasets
