"""Hashes of files that are too large to read at every opening.

In: a path. Out: a SHA-256 of its size and of 64 KiB at each of up to 64 places, the first and the last bytes among
them. It detects another file, a truncated file and a damaged beginning, but not a flipped bit between the places;
``runs.sha256_of`` does.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from pathlib import Path

_SAMPLE_BYTES = 1 << 16
_N_SAMPLES = 64


class IndexMismatchError(Exception):
    """An index does not fit its corpus or its encoder, or its files are damaged."""


def sampled_hash(path: Path) -> str:
    """Hex SHA-256 of the size and of bytes spread over the file: a few milliseconds for any size."""
    size = path.stat().st_size
    hasher = hashlib.sha256(str(size).encode())
    last = max(0, size - _SAMPLE_BYTES)
    with path.open("rb") as file:
        for start in sorted({last * number // (_N_SAMPLES - 1) for number in range(_N_SAMPLES)}):
            file.seek(start)
            hasher.update(file.read(_SAMPLE_BYTES))
    return hasher.hexdigest()


def has_locks(folder: Path) -> bool:
    """Whether files of this folder can be locked. Some network and cluster file systems cannot."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
