"""Single files: JSONL, JSON and Parquet, plain or gzipped, with or without a byte order mark.

In: a path. Out: rows. A row that is not UTF-8 or not JSON is a ``BadRow``, and the rows after it are read. Not here:
folders and the Hub.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

from understudy.datafiles.rows import BadRow, DataFileError, Row, Rows
from understudy.datafiles.values import NOT_UTF8, UTF16_MARKS, parse_json

_GZIP, _PARQUET, _BOM = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
_BATCH = 256


def file_rows(path: Path) -> Rows:
    """Yield the rows of a file: each line of JSONL, each element of a JSON list, any other JSON document as one.

    Raises ``FileNotFoundError``, and ``DataFileError`` if the whole file is damaged.
    """
    with path.open("rb") as file:
        head = file.read(len(_PARQUET))
    if head == _PARQUET or path.suffix == ".parquet":
        return _parquet_rows(path)
    is_document = path.name.removesuffix(".gz").endswith(".json")
    return _document_rows(path) if is_document else _line_rows(path)


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_gzipped = file.read(len(_GZIP)) == _GZIP
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzipped else path.open("rb")


def _line_rows(path: Path) -> Rows:
    number = 0
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                text = line.removeprefix(_BOM) if number == 1 else line
                if number == 1 and text.startswith(UTF16_MARKS):
                    yield BadRow(1, f"{path}, line 1", NOT_UTF8)
                    return
                if number == 1 and text.lstrip().startswith(b"[") and (value := _list_of(path)) is not None:
                    yield from _rows_of(value, path)
                    return
                if text.strip():
                    yield _parsed(text, number, f"{path}, line {number}")
        except _DAMAGED as error:
            yield BadRow(number + 1, f"{path}, line {number + 1}", f"the gzipped file is damaged or cut off: {error}")


def _parsed(text: bytes, number: int, place: str) -> Row | BadRow:
    try:
        return Row(parse_json(text), number, place)
    except ValueError as error:
        return BadRow(number, place, str(error))


def _document_rows(path: Path) -> Rows:
    """A JSON document. A file with one document per line is read as JSONL, whatever its name."""
    try:
        with _open(path) as file:
            whole = file.read().removeprefix(_BOM)
    except _DAMAGED as error:
        raise DataFileError(f"{path}: the gzipped file is damaged or cut off: {error}") from None
    try:
        value = parse_json(whole)
    except ValueError as error:
        if not _holds_lines(whole):
            raise DataFileError(f"{path}, line {_line_of_fault(whole)}: {error}") from None
        yield from _line_rows(path)
        return
    yield from _rows_of(value if isinstance(value, list) else [value], path)


def _rows_of(values: list[object], path: Path) -> Rows:
    for number, one in enumerate(values, 1):
        yield Row(one, number, f"{path}, row {number}")


def _list_of(path: Path) -> list[object] | None:
    """The rows of a JSON list that is named as JSONL, on one line or several; None if each line is a row."""
    try:
        with _open(path) as file:
            value = parse_json(file.read().removeprefix(_BOM))
    except (ValueError, *_DAMAGED):
        return None
    return value if isinstance(value, list) and all(isinstance(row, dict) for row in value) else None


def _holds_lines(text: bytes) -> bool:
    first, _, rest = text.strip().partition(b"\n")
    return bool(rest) and isinstance(_parsed(first, 1, ""), Row)


def _line_of_fault(text: bytes) -> int:
    try:
        json.loads(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        return error.lineno
    except UnicodeDecodeError as error:
        return text.count(b"\n", 0, error.start) + 1
    except (ValueError, RecursionError):
        return 1
    return 1


def _parquet_rows(path: Path) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataFileError(f"{path}: reading Parquet needs pyarrow: pip install 'understudy[hub]'") from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for value in _values(batch):
                    number += 1
                    place = f"{path}, row {number}"
                    yield BadRow(number, place, value) if isinstance(value, str) else Row(value, number, place)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataFileError(f"{path}: cannot be read as Parquet beyond row {number}: {error}") from None


def _values(batch: Any) -> list[object]:
    """The rows of a record batch as mappings; for a row whose bytes are not text, the reason."""
    try:
        rows: list[object] = batch.to_pylist()
    except ValueError as error:
        n_rows: int = batch.num_rows
        if n_rows == 1:
            return [f"cannot be read: {error}"]
        parts = (batch.slice(index, 1) for index in range(n_rows))
        return [value for part in parts for value in _values(part)]
    return rows
