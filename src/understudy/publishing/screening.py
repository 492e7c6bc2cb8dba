"""Finds what must not leave this machine: local paths, addresses of private networks, secrets, personal data, pickles.

In: a folder that is to be published. Out: a ``Refusal`` for each place. Personal data are found by the patterns of the
cleaning (``understudy.curation.cleaning``), which find forms such as addresses, not names of people. Not promised:
that everything is found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from understudy.curation.cleaning.personal.check import PersonalDataCheck, PersonalDataConfig
from understudy.records import Record

_TEXTS = frozenset({".json", ".jsonl", ".md", ".yaml", ".yml", ".jinja", ".txt"})
_OF_THE_BASE = frozenset({"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt"})
"""Words of the base's tokenizer, which no training changes: only paths are looked for."""
_OPAQUE = frozenset({".safetensors", ".model"})
_LOCAL_PATH = re.compile(
    r"""(?<![\w/.:~\\-])(?:
      /(?:home|Users|root|tmp|mnt|media|work|workspace|opt|srv|scratch|private|var|data)/[\w.~+-]+(?:/[\w.~+-]+)*
    | ~/[\w.-]+(?:/[\w.~+-]+)*
    | [A-Za-z]:\\(?:Users|home)\\[^\s"']+
    | file://[^\s"'<>]+
    )""",
    re.VERBOSE,
)
_PRIVATE_ADDRESS = re.compile(
    r"https?://(?:[^\s/@\"']+@)?(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+(?:\.\d+)?[^\s\"'<>)]*"
    r"|https?://(?!localhost\b)[\w-]+(?:\.(?:local|internal|lan|intra|corp))?(?::\d+)?(?=[/\s\"'<>)]|$)"
)


class Refusal(Record):
    """One place that must not be published."""

    file: str
    place: str
    """``line 3``, ``row 17``."""
    what: str
    """``local path``, ``private address``, ``email``, …"""
    excerpt: str
    """What was found; secrets and personal data shortened."""

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.what} {self.excerpt}"


def screen(folder: Path, local: Sequence[Path] = (), allowed: Sequence[str] = ()) -> Iterator[Refusal]:
    """All refusals of a folder. ``local``: folders of this run, whose paths must not appear. ``allowed``: values that
    may be published although a pattern finds them.
    """
    find = _Finder(local, allowed)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        for place, text in _texts(path):
            for what, excerpt in find(text, personal=path.name not in _OF_THE_BASE):
                yield Refusal(file=name, place=place, what=what, excerpt=excerpt)
        if path.suffix not in _TEXTS | _OPAQUE | {".parquet"}:
            yield Refusal(file=name, place="the file", what="unknown kind of file", excerpt=path.suffix or "no suffix")


class _Finder:
    def __init__(self, local: Sequence[Path], allowed: Sequence[str]) -> None:
        self._local = [str(path) for path in local if len(path.parts) > 2]
        self._allowed = {value.casefold() for value in allowed}
        self._personal = PersonalDataCheck(PersonalDataConfig(keep=tuple(allowed)))

    def __call__(self, text: str, *, personal: bool) -> Iterator[tuple[str, str]]:
        paths = [match.group() for match in _LOCAL_PATH.finditer(text)] if "/" in text or "\\" in text else []
        own = [path for path in self._local if path in text and not any(path in found for found in paths)]
        addresses = [match.group() for match in _PRIVATE_ADDRESS.finditer(text)] if "://" in text else []
        named = [("local path", path) for path in (*paths, *own)] + [("private address", one) for one in addresses]
        yield from ((what, value) for what, value in named if value.casefold() not in self._allowed)
        if personal:
            for span, sort in self._personal.find(text):
                yield sort, _shortened(text[span.start : span.end])


def _shortened(value: str) -> str:
    return f"{value[:2]}…{value[-2:]} ({len(value)} characters)" if len(value) > 6 else "…"


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Texts of a file with their places."""
    if path.suffix == ".parquet":
        yield from _texts_of_table(path)
    elif path.suffix == ".safetensors":
        yield "the header", _safetensors_header(path)
    elif path.suffix in _TEXTS:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            yield f"line {number}", line


def _texts_of_table(path: Path) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet

    for number, row in enumerate(pyarrow.parquet.read_table(path).to_pylist(), 1):
        for text in dict.fromkeys(_strings(row)):
            yield f"row {number}", text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _safetensors_header(path: Path) -> str:
    """The metadata that writers may add beside the tensors."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    return json.dumps(header.get("__metadata__", {}))
