"""Passages by row number, without loading the corpus.

In: a corpus file and the byte offset of each of its rows, or a sequence of passages. Out: ``fetch(rows)``. A plain
JSONL file is read in place, by offset; a gzipped one is unpacked into the index folder once. ``index_passages`` writes
offsets (``offsets.u64``: the start of every row and the end of the file, little endian) and facts about the corpus
(``passages.json``, written last).

At 21 M passages: 168 MB of offsets on disk, memory-mapped; nothing of the text stays in memory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from understudy.records import Record
from understudy.retrieval.corpus import BadCorpusError, is_gzipped, open_corpus, parse_row
from understudy.retrieval.files import IndexMismatchError, sampled_hash
from understudy.retrieval.retriever import Passage
from understudy.runs import BadRecordError, read_record, write_atomic

OFFSETS_NAME = "offsets.u64"
FACTS_NAME = "passages.json"
_UNPACKED_NAME = "corpus.jsonl"
_REPORT_EVERY = 50_000

Advance = Callable[[int], None]
"""Called with the number of rows done since the last call."""

Offsets = np.ndarray[tuple[int], np.dtype[np.uint64]]


def no_advance(_count: int) -> None:
    """Ignore progress."""


class CorpusFacts(Record):
    """An index's facts about its corpus: ``passages.json``."""

    path: str
    """Absolute, or relative to the index folder if the corpus was unpacked into it."""
    rows: int
    bytes: int
    """Size of the file that is read by offset."""
    sha256: str
    """Hash of all its bytes, which identifies this corpus in all files made from it."""
    sampled_sha256: str
    """Hash of bytes spread over it, which is checked when the index is opened."""


_N_SAMPLED_OFFSETS = 1000
"""Offsets that are looked at when an index is opened; each is checked again when its row is read."""


class PassageStore(Protocol):
    """Passages by row number. Safe to call from many threads at once."""

    content_hash: str
    """Changes with any passage."""

    def __len__(self) -> int: ...

    def fetch(self, rows: Sequence[int]) -> list[Passage]:
        """The passages of these rows, in this order. Raises ``IndexError`` for a row that is not there."""
        ...

    def scan(self) -> Iterator[Passage]:
        """All passages in order of their rows."""
        ...

    def close(self) -> None: ...


class MemoryPassages:
    """Passages that are in memory already."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        hasher = hashlib.sha256()
        for passage in self._passages:
            hasher.update(repr((passage.id, passage.title, passage.text)).encode())
        self.content_hash = hasher.hexdigest()

    def __len__(self) -> int:
        return len(self._passages)

    def fetch(self, rows: Sequence[int]) -> list[Passage]:
        """See ``PassageStore``."""
        _check_rows(rows, len(self._passages))
        return [self._passages[row] for row in rows]

    def scan(self) -> Iterator[Passage]:
        """See ``PassageStore``."""
        return iter(self._passages)

    def close(self) -> None:
        """Nothing is held."""


class JsonlPassages:
    """Passages read by offset from the JSONL file that ``index_passages`` looked through."""

    def __init__(self, folder: Path, corpus: Path | None = None) -> None:
        """Open the passages of an index folder; ``corpus`` says where the file is now, if it was moved.

        A corpus that was moved together with its index is found inside or beside the folder by its name.
        Raises ``BadCorpusError`` if the file is not the one that was indexed.
        """
        self.facts = read_corpus_facts(folder)
        self.content_hash = self.facts.sha256
        self.path = corpus if corpus is not None else _find_corpus(folder, self.facts)
        _refuse_other_corpus(self.path, self.facts)
        self._offsets_path = folder / OFFSETS_NAME
        self._offsets = _open_offsets(self._offsets_path, self.facts)
        self._fd = os.open(self.path, os.O_RDONLY)
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_RANDOM)

    def __len__(self) -> int:
        return self.facts.rows

    def fetch(self, rows: Sequence[int]) -> list[Passage]:
        """See ``PassageStore``."""
        _check_rows(rows, self.facts.rows)
        return [self._read(row) for row in rows]

    def scan(self) -> Iterator[Passage]:
        """See ``PassageStore``; read in sequence, for builds."""
        row = 0
        with self.path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield parse_row(line, row, self.path)
                    row += 1

    def close(self) -> None:
        """Close the corpus file. Closing twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, row: int) -> Passage:
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        if not start < end <= self.facts.bytes:
            raise BadCorpusError(_bad_offset(self._offsets_path, row))
        try:
            return parse_row(os.pread(self._fd, end - start, start), row, self.path)
        except BadCorpusError as error:
            raise BadCorpusError(f"{_bad_offset(self._offsets_path, row)} ({error})") from None


def index_passages(corpus: Path, folder: Path, advance: Advance = no_advance) -> CorpusFacts:
    """Look through a corpus once: check every row, note where it starts, name the whole by its content.

    Does nothing if ``folder`` already contains the facts of this corpus. Raises ``BadCorpusError``.
    """
    if not corpus.is_file():
        raise BadCorpusError(f"{corpus}: expected a corpus file, there is none")
    folder.mkdir(parents=True, exist_ok=True)
    known = _known_facts(corpus, folder)
    if known is not None:
        return known
    (folder / FACTS_NAME).unlink(missing_ok=True)
    with open_corpus(corpus):  # refuses what is no JSONL
        path = corpus.resolve()
    path = _unpack(corpus, folder) if is_gzipped(corpus) else path
    offsets, sha256 = _look_through(path, corpus, advance)
    write_atomic(folder / OFFSETS_NAME, offsets.tobytes())
    facts = CorpusFacts(
        path=path.name if path.parent == folder.resolve() else str(path),
        rows=len(offsets) - 1,
        bytes=path.stat().st_size,
        sha256=sha256,
        sampled_sha256=sampled_hash(path),
    )
    write_atomic(folder / FACTS_NAME, facts.model_dump_json(indent=1) + "\n")
    return facts


def _known_facts(corpus: Path, folder: Path) -> CorpusFacts | None:
    facts_path = folder / FACTS_NAME
    if not facts_path.exists() or is_gzipped(corpus):
        return None
    try:
        facts = read_corpus_facts(folder)
        _open_offsets(folder / OFFSETS_NAME, facts)
    except (BadRecordError, BadCorpusError):  # damaged: the corpus is looked through again
        return None
    same = corpus.stat().st_size == facts.bytes and sampled_hash(corpus) == facts.sampled_sha256
    return facts if same and (folder / facts.path) == corpus.resolve() else None


def _unpack(corpus: Path, folder: Path) -> Path:
    path = folder.resolve() / _UNPACKED_NAME
    beside = path.with_suffix(".part")
    try:
        with open_corpus(corpus) as packed, beside.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _look_through(path: Path, shown_path: Path, advance: Advance) -> tuple[Offsets, str]:
    """Offsets (rows + 1,) and the SHA-256 of a plain JSONL file."""
    starts = bytearray()
    hasher = hashlib.sha256()
    position = row = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                parse_row(line, row, shown_path, number)
                starts += position.to_bytes(8, "little")
                row += 1
                if row % _REPORT_EVERY == 0:
                    advance(_REPORT_EVERY)
            hasher.update(line)
            position += len(line)
    if row == 0:
        raise BadCorpusError(f"{shown_path}: expected at least one passage, got none")
    advance(row % _REPORT_EVERY)
    starts += position.to_bytes(8, "little")
    return np.frombuffer(bytes(starts), dtype="<u8"), hasher.hexdigest()


def read_corpus_facts(folder: Path) -> CorpusFacts:
    """The facts of an index folder about its corpus. Raises ``IndexMismatchError`` if it is not an index folder."""
    if not (folder / FACTS_NAME).exists():
        raise IndexMismatchError(f"{folder}: expected an index folder with {FACTS_NAME}, there is none")
    return read_record(folder / FACTS_NAME, CorpusFacts)


def _find_corpus(folder: Path, facts: CorpusFacts) -> Path:
    name = Path(facts.path).name
    places = (folder / facts.path, folder / name, folder.resolve().parent / name)
    return next((place for place in places if place.is_file()), places[0])


def _open_offsets(path: Path, facts: CorpusFacts) -> Offsets:
    size = path.stat().st_size if path.exists() else 0
    if size != 8 * (facts.rows + 1):
        raise BadCorpusError(f"{path}: expected {8 * (facts.rows + 1)} bytes for {facts.rows} rows, got {size}")
    offsets = np.memmap(path, dtype="<u8", mode="r")
    sampled = offsets[np.linspace(0, facts.rows, min(facts.rows + 1, _N_SAMPLED_OFFSETS)).astype(np.int64)]
    if sampled[-1] != facts.bytes or not (sampled[1:] > sampled[:-1]).all():
        raise BadCorpusError(f"{path}: is damaged: expected rising offsets up to {facts.bytes}; build the index again")
    return offsets


def _bad_offset(path: Path, row: int) -> str:
    return f"{path}: is damaged: row {row} does not lie where it says; build the index again"


def _refuse_other_corpus(path: Path, facts: CorpusFacts) -> None:
    if not path.is_file():
        raise BadCorpusError(
            f"{path}: the corpus of this index is not there; say where it is now with --corpus FILE on the command "
            "line, or with corpus: FILE under retrieval in a recipe"
        )
    size = path.stat().st_size
    if size != facts.bytes or sampled_hash(path) != facts.sampled_sha256:
        raise BadCorpusError(
            f"{path}: not the corpus this index was made of ({facts.rows} rows, {facts.bytes} bytes, "
            f"SHA-256 {facts.sha256[:16]}…); got {size} bytes. Build the index again or give the right file."
        )


def _check_rows(rows: Sequence[int], n_rows: int) -> None:
    for row in rows:
        if not 0 <= row < n_rows:
            raise IndexError(f"row {row} is not in a corpus of {n_rows} passages")
