"""The log's storage: a folder of append-only files with a limit on its size.

In: lines. Out: ``exchanges-<time>-<number>.jsonl``, the older ones gzipped. When ``append`` returns, the kernel has the
line, so a killed process loses none. A line that was cut by a kill or a full disk is removed, by the failing ``append``
or at the next start. One process writes to a folder at a time. Not here: the content of a line.
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from understudy.closing import Closing
from understudy.runs import lock_folder

_PART = ".part"


class StoreError(OSError):
    """A line cannot be stored; the message says why."""


class Store(Closing):
    """A folder of log lines. Safe from many threads; it has to be closed."""

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = 64 * 2**20) -> None:
        """Raises ``StoreError`` if another process writes to the folder, ``OSError`` if it cannot be made."""
        self.folder = folder
        self._max_bytes, self._segment_bytes = max_bytes, segment_bytes
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._path = folder
        self._n_segments = 0
        self._compressing: list[threading.Thread] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = _locked(folder)
        self.repairs = tuple(_recover(folder))
        """What an earlier recorder that was killed had left unfinished, and what was done about it."""
        self._kept_bytes = sum(path.stat().st_size for path in folder.glob("exchanges-*"))
        self._segment_size = 0

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return self._kept_bytes + self._segment_size

    def append(self, line: bytes) -> None:
        """Write a line with its line break. Raises ``StoreError``; then nothing of the line stays."""
        with self._mutex:
            if self.n_bytes + len(line) > self._max_bytes:
                limit = f"{self._max_bytes / 2**30:.3g} GiB"
                raise StoreError(f"{self.folder} has reached its limit of {limit}; move files away, or raise --max-gb")
            try:
                self._write(line)
            except OSError as error:
                raise StoreError(f"{self._path}: {error.strerror or error}") from error
            if self._segment_size >= self._segment_bytes:
                self._end_segment(compress=True)

    def close(self) -> None:
        """Write everything to disk and release the folder. Closing twice is allowed."""
        with self._mutex:
            self._end_segment(compress=False)
        for thread in self._compressing:
            thread.join()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._begin_segment()
        file = self._file
        assert file is not None
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(file, rest) :]
        except BaseException:
            os.ftruncate(file, self._segment_size)
            raise
        self._segment_size += len(line)

    def _begin_segment(self) -> None:
        self._n_segments += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._path = self.folder / f"exchanges-{stamp}-{os.getpid()}-{self._n_segments:04}.jsonl"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._segment_size = 0

    def _end_segment(self, *, compress: bool) -> None:
        if self._file is None:
            return
        os.fsync(self._file)
        os.close(self._file)
        self._file = None
        self._kept_bytes += self._segment_size
        self._segment_size = 0
        if compress:
            thread = threading.Thread(target=self._compress, args=(self._path,), name="understudy-compress")
            thread.start()
            self._compressing = [one for one in self._compressing if one.is_alive()] + [thread]

    def _compress(self, path: Path) -> None:
        plain = path.stat().st_size
        try:
            packed = _compressed(path)
        except OSError:  # a full disk: the plain file stays
            _part(path).unlink(missing_ok=True)
            return
        with self._mutex:
            self._kept_bytes += packed - plain


def _locked(folder: Path) -> int:
    try:
        return lock_folder(folder)
    except OSError:
        raise StoreError(f"{folder}: another recorder writes there; name another folder with --out") from None


def _recover(folder: Path) -> Iterator[str]:
    """Repair what a kill may have left, and say what was repaired."""
    for path in sorted(folder.glob(f"exchanges-*{_PART}")):
        path.unlink()
        yield f"{path}: a compression that a kill had stopped was removed; its lines are in the uncompressed file"
    for path in sorted(folder.glob("exchanges-*.jsonl")):
        if path.with_name(f"{path.name}.gz").exists():  # renamed into place, so it is whole
            path.unlink()
            yield f"{path}: removed; its lines are in the compressed file"
        elif n_bytes := _cut_torn_line(path):
            yield f"{path}: the last {n_bytes:,} bytes, a line that a kill had cut, were removed; nobody had its answer"


def _cut_torn_line(path: Path) -> int:
    """Remove a last line without its line break; return how many bytes that were."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return len(content) - whole


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.gz{_PART}")


def _compressed(path: Path) -> int:
    """Replace a file by its gzipped form; return the new size."""
    part = _part(path)
    with path.open("rb") as plain, part.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed:
            shutil.copyfileobj(plain, packed, 2**20)
        raw.flush()
        os.fsync(raw.fileno())
    part.chmod(0o600)
    size = part.stat().st_size
    part.rename(path.with_name(f"{path.name}.gz"))
    path.unlink()
    return size
