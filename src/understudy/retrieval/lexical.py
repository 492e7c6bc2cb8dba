"""BM25 over title and text, with tantivy.

In: a ``PassageStore``. Out: a ``Retriever``. Words are lower-cased, stripped of accents and stemmed (English); words in
other scripts get one spelling too (``folding``); languages without spaces between words are searched by n-grams
(``scripts``). A query is a bag of words, never a query
language: quotes, operators and brackets are separators. Stop words of a query are ignored unless there is nothing else
("The Who"). Equal scores are ordered by row, so the order depends on the corpus alone, not on threads or segments.

Not covered: phrases, fields.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from understudy.records import Record
from understudy.retrieval.files import IndexMismatchError, has_locks
from understudy.retrieval.folding import folded
from understudy.retrieval.passages import Advance, MemoryPassages, PassageStore, no_advance
from understudy.retrieval.retriever import Hit, Passage, RetrievalError
from understudy.retrieval.scripts import has_spaceless_script, passage_text, query_text
from understudy.runs import read_record, write_atomic

if TYPE_CHECKING:
    import tantivy

_LOG = logging.getLogger(__name__)
FACTS_NAME = "lexical.json"
_FOLDER_NAME = "lexical"
_FORMAT = 3
_UNFOLDED_FORMAT = 2
_FIRST_FORMAT = 1
"""The first format lacks n-grams and Unicode normalisation, the second the folding of other scripts than Latin. Such an
index is still opened, and searched as it was built.
"""
_WRITER_BYTES = 128_000_000
_MAX_QUERY_WORDS = 256
_MAX_TIES = 50_000
"""Up to this many equal scores are ordered by row; further ones by the engine."""
_REPORT_EVERY = 10_000
_STOP_WORDS = frozenset(
    """
    a an and are as at be but by did do does for from had has have how if in into is it its no not of on
    or s such t that the their then there these they this to was were what when where which who whom
    whose why will with
    """.split()
)


class LexicalFacts(Record):
    """The header of a lexical index: ``lexical.json``."""

    format: int = _FORMAT
    rows: int
    corpus_sha256: str


class LexicalIndex:
    """A retriever over one tantivy index."""

    def __init__(self, index: tantivy.Index, passages: PassageStore, index_format: int = _FORMAT) -> None:
        """Over an index that holds the rows of ``passages``; use ``build``, ``open`` or ``lexical_retriever``."""
        self._format = index_format
        index.register_tokenizer("words", _analyzer())
        self._index = index
        self._searcher = index.searcher()
        self._analyzer = _analyzer()
        self._has_advised = False
        self._passages = passages
        if self._searcher.num_docs != len(passages):
            raise IndexMismatchError(
                f"the lexical index holds {self._searcher.num_docs} rows, its corpus {len(passages)}: build it again"
            )

    @classmethod
    def build(cls, passages: PassageStore, folder: Path, advance: Advance = no_advance) -> Self:
        """Index all passages into ``folder``. It is complete or absent; a rebuild replaces it."""
        import tantivy

        place, beside = folder / _FOLDER_NAME, folder / f"{_FOLDER_NAME}.part"
        (folder / FACTS_NAME).unlink(missing_ok=True)
        for old in (place, beside):
            shutil.rmtree(old, ignore_errors=True)
        beside.mkdir(parents=True)
        with _lockable(beside) as place_of_locks:
            _fill(tantivy.Index(_schema(), path=str(place_of_locks)), passages, advance)
        _share(beside)
        beside.replace(place)
        facts = LexicalFacts(rows=len(passages), corpus_sha256=passages.content_hash)
        write_atomic(folder / FACTS_NAME, facts.model_dump_json(indent=1) + "\n")
        return cls(_open_linked(place), passages)

    @classmethod
    def open(cls, passages: PassageStore, folder: Path) -> Self:
        """Open what ``build`` made. Raises ``IndexMismatchError`` if it is of another corpus or damaged."""
        facts_path = folder / FACTS_NAME
        if not facts_path.exists():
            raise IndexMismatchError(f"{facts_path}: expected a finished lexical index, there is none")
        facts = read_record(facts_path, LexicalFacts)
        if (
            facts.format not in (_FIRST_FORMAT, _UNFOLDED_FORMAT, _FORMAT)
            or facts.corpus_sha256 != passages.content_hash
        ):
            raise IndexMismatchError(
                f"{facts_path}: the index is of the corpus {facts.corpus_sha256[:16]}… (format {facts.format}), "
                f"expected {passages.content_hash[:16]}… (format {_FORMAT}): build it again"
            )
        place = folder / _FOLDER_NAME
        if not place.is_dir():
            raise IndexMismatchError(
                f"{place}: expected the files of the lexical index, there are none: build it again"
            )
        _refuse_unreadable(place)
        for segment in sorted(place.glob("*.idx")):  # the engine notices all other files that are missing
            if not segment.with_suffix(".pos").exists():
                raise IndexMismatchError(f"{segment.with_suffix('.pos')}: is missing: build the index again")
        try:
            return cls(_open_linked(place), passages, facts.format)
        except (ValueError, OSError) as error:
            raise IndexMismatchError(f"{place}: cannot be opened, build it again ({error})") from error

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """See ``Retriever``. A query without searchable words has no hits."""
        return [self._hits(rows) for rows in self.search_rows(queries, k)]

    def search_rows(self, queries: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """For each query at most ``k`` pairs (row, BM25 score), best first, equal scores by row."""
        return [self._rank(query, k) for query in queries]

    def close(self) -> None:
        """Close the passages. Closing twice is fine."""
        self._passages.close()

    def _hits(self, ranked: list[tuple[int, float]]) -> list[Hit]:
        passages = self._passages.fetch([row for row, _ in ranked])
        return [Hit(passage, score) for passage, (_, score) in zip(passages, ranked, strict=True)]

    def _rank(self, query: str, k: int) -> list[tuple[int, float]]:
        import tantivy

        words = self._words(query)
        if k < 1 or not words:
            return []
        clauses = [(tantivy.Occur.Should, tantivy.Query.term_query(self._index.schema, "body", w)) for w in words]
        try:
            return self._best(tantivy.Query.boolean_query(clauses), k)
        except (ValueError, OSError) as error:
            raise RetrievalError(f"the lexical index could not answer: {error}") from error

    def _words(self, query: str) -> list[str]:
        sent = query.encode("utf-8", "replace").decode()
        if self._format == _FORMAT:
            sent = query_text(folded(sent))
        elif self._format == _UNFOLDED_FORMAT:
            sent = query_text(sent)
        elif has_spaceless_script(sent):
            self._advise_rebuild()
        words = list(dict.fromkeys(self._analyzer.analyze(sent)))[:_MAX_QUERY_WORDS]
        return [word for word in words if word not in _STOP_WORDS] or words

    def _advise_rebuild(self) -> None:
        if not self._has_advised:
            _LOG.warning(
                "this lexical index was built by an earlier version, which cannot search languages without spaces "
                "between words; build it again with `understudy index build`"
            )
        self._has_advised = True

    def _best(self, query: tantivy.Query, k: int) -> list[tuple[int, float]]:
        """The best ``k``, asking for more while the last score may be shared by rows that were cut off."""
        limit = k + 8
        while True:
            found = self._searcher.search(query, limit, count=False).hits
            if len(found) < limit or found[-1][0] < found[k - 1][0] or limit > _MAX_TIES:
                break
            limit *= 4
        rows = self._searcher.fast_field_values("row", [address for _, address in found])
        ranked = sorted(zip(rows, (score for score, _ in found), strict=True), key=lambda pair: (-pair[1], pair[0]))
        return [(int(row), float(score)) for row, score in ranked[:k]]


def lexical_retriever(passages: Sequence[Passage]) -> LexicalIndex:
    """A lexical index in memory, for small corpora: seconds for a hundred thousand passages."""
    import tantivy

    store = MemoryPassages(passages)
    index = tantivy.Index(_schema())
    _fill(index, store, no_advance)
    index.reload()
    return LexicalIndex(index, store)


def _open_linked(place: Path) -> tantivy.Index:
    """Open an index through links in a temporary folder.

    Tantivy writes a lock file even to read. The index itself may be read-only or on a file system without locks.
    """
    import tantivy

    # A reader's thread may still write its lock while the folder is removed; this does not affect open files.
    with tempfile.TemporaryDirectory(prefix="understudy-index-", ignore_cleanup_errors=True) as links:
        for file in place.resolve().iterdir():
            if file.suffix != ".lock":
                (Path(links) / file.name).symlink_to(file)
        index = tantivy.Index.open(links)
        index.register_tokenizer("words", _analyzer())
        index.config_reader(reload_policy="manual")  # the links are gone when the folder might be watched
        index.reload()  # maps all files, so that the links are needed no more
        return index


@contextmanager
def _lockable(place: Path) -> Iterator[Path]:
    """``place``, or if its file system has no locks, a temporary folder whose files are moved there at the end."""
    if has_locks(place):
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="understudy-index-") as elsewhere:
        yield Path(elsewhere)
        shutil.copytree(elsewhere, place, dirs_exist_ok=True)


def _share(place: Path) -> None:
    """Give all files the rights that the folder gives. Tantivy makes some of them readable by their owner only."""
    mode = place.stat().st_mode & 0o666
    for file in place.iterdir():
        file.chmod(mode)


def _refuse_unreadable(place: Path) -> None:
    """Raise ``PermissionError`` with the file's name: an index that may not be read is not a damaged one."""
    for file in place.iterdir():
        if file.suffix != ".lock":
            file.open("rb").close()


def _fill(index: tantivy.Index, passages: PassageStore, advance: Advance) -> None:
    import tantivy

    index.register_tokenizer("words", _analyzer())
    writer = index.writer(heap_size=_WRITER_BYTES, num_threads=1)
    row = 0
    for row, passage in enumerate(passages.scan(), 1):
        document = tantivy.Document()
        document.add_unsigned("row", row - 1)
        text = f"{passage.title}\n{passage.text}".encode("utf-8", "replace").decode()
        document.add_text("body", passage_text(folded(text)))
        writer.add_document(document)
        if row % _REPORT_EVERY == 0:
            advance(_REPORT_EVERY)
    advance(row % _REPORT_EVERY)
    writer.commit()
    writer.wait_merging_threads()


def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", tokenizer_name="words", index_option="freq")
    builder.add_unsigned_field("row", fast=True)
    return builder.build()


def _analyzer() -> tantivy.TextAnalyzer:
    import tantivy

    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(64))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )
