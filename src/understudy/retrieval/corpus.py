"""Rows of a corpus file → passages.

In: JSONL, plain or gzipped, one passage a line, either ``{"id", "contents"}`` with the title on the first
line of ``contents`` (Search-R1's corpora) or ``{"text"}`` with an optional ``title`` and ``id``. Other keys are
ignored; a row without an id is named by its number. Out: ``Passage`` records.

Not covered: other formats. A line that is neither of the two raises ``BadCorpusError`` with file and line.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pydantic_core import from_json

from understudy.retrieval.retriever import Passage

_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_FORMATS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
}
_OTHER_FORMATS |= {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class BadCorpusError(Exception):
    """An invalid corpus; the message names the expected and the given value and the place."""


def is_gzipped(path: Path) -> bool:
    """Go by the first two bytes, not by the name."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


@contextmanager
def open_corpus(path: Path) -> Iterator[BinaryIO]:
    """Open a corpus for reading its bytes, unpacked if it is gzipped.

    Raises ``BadCorpusError`` if the file is in another format, or in the ``with`` block if a gzipped file is cut or
    damaged.
    """
    _refuse_other_format(path)
    try:
        with cast(BinaryIO, gzip.open(path, "rb")) if is_gzipped(path) else path.open("rb") as file:
            yield file
    except EOFError:
        size = path.stat().st_size
        raise BadCorpusError(f"{path}: the gzip file ends too early, after {size} bytes; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadCorpusError(f"{path}: the gzip file is damaged ({error}); fetch it again") from None


def _refuse_other_format(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(8)
    found = next((name for magic, name in _OTHER_FORMATS.items() if start.startswith(magic)), "")
    if found:
        raise BadCorpusError(f"{path}: expected JSONL in UTF-8, plain or gzipped; got a file in {found}")


def read_passages(path: Path) -> Iterator[Passage]:
    """Yield the passages of a corpus file in order. Raises ``BadCorpusError``."""
    row = 0
    with open_corpus(path) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield parse_row(line, row, path, number)
                row += 1


def parse_row(line: bytes, row: int, path: Path, number: int | None = None) -> Passage:
    """One line of a corpus as a passage. ``row`` (from 0) names it if it has no id of its own.

    ``path`` and the line's ``number`` (from 1, if it is known) are for the error alone.
    """
    try:
        fields = _loads(line)
    except (ValueError, RecursionError) as error:
        raise BadCorpusError(
            f"{_place(path, row, number)}: expected one JSON object a line, got {_shown(line)} ({error})"
        ) from None
    if not isinstance(fields, dict):
        raise BadCorpusError(f"{_place(path, row, number)}: expected a JSON object, got {_shown(line)}")
    passage_id = fields.get("id", row)
    if type(passage_id) is not str and type(passage_id) is not int:
        raise BadCorpusError(
            f'{_place(path, row, number)}: expected "id" as text or a whole number, got {passage_id!r}'
        )
    contents, title, text = (fields.get(key) for key in ("contents", "title", "text"))
    if type(contents) is str:
        return titled(passage_of_contents(str(passage_id), contents), title, contents)
    if (title is None or type(title) is str) and type(text) is str:
        return Passage(str(passage_id), title or "", text)
    raise BadCorpusError(
        f'{_place(path, row, number)}: expected "contents", or "text" and perhaps "title", as strings; '
        f"got the keys {sorted(map(str, fields))}"
    )


def passage_of_contents(passage_id: str, contents: str) -> Passage:
    """Split contents into title and text; the inverse of ``Passage.contents``.

    The first line is the title, with or without quotes around it. Text without a line break has no title.
    """
    title, line_break, text = contents.partition("\n")
    if not line_break:
        return Passage(passage_id, "", contents)
    title = title.removesuffix("\r")
    if len(title) >= 2 and title[0] == title[-1] == '"':
        title = title[1:-1]
    return Passage(passage_id, title, text)


def titled(passage: Passage, title: object, contents: str) -> Passage:
    """The passage of ``contents`` under the title that its row gives separately, if it gives one."""
    if type(title) is not str or not title.strip() or title == passage.title:
        return passage
    return Passage(passage.id, title, contents)


def _loads(line: bytes) -> object:
    """Like ``json``, five times faster. Lone surrogates (``\\ud800``), which many libraries refuse, become ``?``."""
    try:
        return from_json(line, cache_strings="keys")
    except ValueError:
        return from_json(json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace"))


def _place(path: Path, row: int, number: int | None) -> str:
    return f"{path}, row {row}" if number is None else f"{path}, line {number}"


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return repr(text if len(text) <= 60 else text[:60] + "…")
