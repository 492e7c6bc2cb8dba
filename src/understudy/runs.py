"""Files that survive a kill: append-only JSONL, atomic writes, digests, seeds.

In: records and paths. Out: files under a run directory, records read back. Not here: the stages of a run
(``understudy.pipeline``).
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from understudy.closing import Closing

RecordT = TypeVar("RecordT", bound=BaseModel)
LOCK_NAME = ".lock"
"""The file in a folder that is locked by the process that writes to it."""
_WHOLE_FILE_BYTES = 64 * 2**20


class BadRecordError(Exception):
    """A line of a file is not the record it should be; the message names file, line and field."""


class RunLockedError(Exception):
    """Another process is writing to this run directory."""


def lock_folder(folder: Path) -> int:
    """Lock a folder until the returned descriptor is closed. Raises ``OSError`` if another process has locked it."""
    file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


class JsonlWriter(Closing):
    """Appends records to a file, one per line, each flushed as it comes. Safe from many threads.

    A torn last line, left by a kill, is cut off when the file is opened, so that what is appended
    next starts on a line of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, record: BaseModel) -> None:
        """Append one record. A full disk raises ``OSError``, and the torn line does not stay."""
        line = record.model_dump_json(exclude_defaults=True).encode() + b"\n"
        with self._lock:
            start = self._file.seek(0, os.SEEK_END)
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except BaseException:
                with contextlib.suppress(OSError):  # a device cannot be cut; the next open cuts a file
                    self._file.truncate(start)
                raise

    def close(self) -> None:
        """Make what was written durable and close. Closing twice is fine."""
        with self._lock:
            if self._file.closed:
                return
            with self._file:
                os.fsync(self._file.fileno())


def append_jsonl(path: Path) -> JsonlWriter:
    """Open ``path`` for appending records; it is made if it does not exist."""
    return JsonlWriter(path)


def read_jsonl(path: Path, record_type: type[RecordT]) -> Iterator[RecordT]:
    """Yield the records of a file that this package appends to; a last line that a kill left torn is skipped.

    Raises ``BadRecordError`` for any other line that is not a ``record_type``, ``FileNotFoundError``
    if there is no file.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            yield _record_of(line, record_type, path, number)


def read_user_jsonl(path: Path, record_type: type[RecordT]) -> Iterator[RecordT]:
    """Yield the records of a file that a user may have written. The last line counts without a newline too. Blank lines
    and a byte order mark are skipped. Raises what ``read_jsonl`` raises.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if text.strip():
                yield _record_of(text, record_type, path, number)


def _record_of(line: bytes, record_type: type[RecordT], path: Path, number: int) -> RecordT:
    try:
        return record_type.model_validate_json(line)
    except ValidationError as error:
        raise BadRecordError(f"{path}, line {number}: {explain(error, record_type.__name__)}") from error


def read_record(path: Path, record_type: type[RecordT]) -> RecordT:
    """Return the one record that a file holds. Raises ``BadRecordError``, which names the file, if it is another,
    ``FileNotFoundError`` if there is no file.
    """
    try:
        return record_type.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadRecordError(f"{path}: {explain(error, record_type.__name__)}") from error


def write_jsonl(path: Path, records: Iterator[RecordT] | list[RecordT] | tuple[RecordT, ...]) -> int:
    """Write a whole file of records at once and atomically; return how many there were."""
    lines = [record.model_dump_json(exclude_defaults=True) for record in records]
    write_atomic(path, "".join(line + "\n" for line in lines))
    return len(lines)


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a temporary file in the same folder, make it durable, and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def digest(value: object) -> str:
    """Sixteen hex digits that name a record or a plain JSON value by its content."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_digest(path: Path) -> str:
    """Sixteen hex digits that name the content of a file or folder; of files over 64 MiB only size and time count.

    A file ``.lock`` in a folder has no content: it is there while a process, such as a recorder, writes to the folder.
    """
    seen = hashlib.sha256()
    below = (one for one in path.rglob("*") if one.is_file() and one.name != LOCK_NAME)
    for file in sorted(below) if path.is_dir() else [path]:
        stat = file.stat()
        seen.update(f"{file.relative_to(path)}:{stat.st_size}:".encode(errors="surrogateescape"))
        seen.update(file.read_bytes() if stat.st_size <= _WHOLE_FILE_BYTES else str(stat.st_mtime_ns).encode())
    return seen.hexdigest()[:16]


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2**31) that depends on all parts, in order, and on nothing else."""
    text = json.dumps(parts, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explain(error: ValidationError, what: str) -> str:
    """Say in one line a problem which field was wrong, what was expected and what it got."""
    problems = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"]) or what
        said = problem["msg"].removeprefix("Value error, ")
        is_shown = problem["type"] in ("missing", "extra_forbidden") or "got " in said
        is_shown |= problem["type"] == "value_error" and isinstance(problem["input"], dict)  # of all fields
        problems.append(f"{where}: {said}" + ("" if is_shown else f" (got: {short(problem['input'])})"))
    return "; ".join(problems)


def short(value: object, limit: int = 80) -> str:
    """A value for a message, cut to ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = position = file.seek(0, os.SEEK_END)
        while position > 0:
            step = min(1 << 16, position)
            file.seek(position - step)
            newline = file.read(step).rfind(b"\n")
            if newline >= 0:
                position = position - step + newline + 1
                break
            position -= step
        if position < end:
            file.truncate(position)
