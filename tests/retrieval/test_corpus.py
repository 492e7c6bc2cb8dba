from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.retrieval import BadCorpusError, Passage, read_passages
from understudy.retrieval.corpus import parse_row, passage_of_contents
from understudy.retrieval.passages import JsonlPassages, MemoryPassages, index_passages

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
titles = text.filter(lambda title: "\n" not in title and title != "")
stored = st.builds(Passage, id=text, title=titles, text=text)


@given(stored)
def test_taking_contents_apart_undoes_putting_them_together(passage: Passage) -> None:
    assert passage_of_contents(passage.id, passage.contents) == passage


@given(st.lists(stored, min_size=1, max_size=8), st.booleans(), st.booleans())
def test_every_row_is_read_back_by_offset_as_in_sequence(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Passage], zipped: bool, as_contents: bool
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    dumped = [
        {"id": p.id, "contents": p.contents} if as_contents else {"id": p.id, "title": p.title, "text": p.text}
        for p in rows
    ]
    data = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in dumped).encode()
    corpus = folder / "c.jsonl"
    corpus.write_bytes(gzip.compress(data) if zipped else data)
    facts = index_passages(corpus, folder / "index")
    store = JsonlPassages(folder / "index")
    assert facts.rows == len(store) == len(rows)
    assert list(read_passages(corpus)) == list(store.scan()) == store.fetch(range(len(rows))) == rows
    assert store.fetch([len(rows) - 1, 0]) == [rows[-1], rows[0]]
    store.close()


def test_a_lone_surrogate_does_not_stop_a_corpus() -> None:
    assert parse_row(b'{"id": 1, "contents": "a\\ud800b"}', 0, Path("here")).text == "a?b"


def test_a_row_without_id_is_named_by_its_number() -> None:
    assert parse_row(b'{"title": "T", "text": "x", "url": "passed over"}', 7, Path("here")) == Passage("7", "T", "x")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("not json", "expected one JSON object"),
        ("[1, 2]", "expected a JSON object"),
        ('{"id": "1", "body": "x"}', "body"),
        ('{"id": null, "contents": "x"}', '"id"'),
        ('{"id": 1, "contents": 5}', "contents"),
        ('{"id": 1, "contents": "cut', "expected one JSON object"),
        ('{"id": 1, "text": ["a"]}', "as strings"),
        ('{"id": 1, "title": 3, "text": "a"}', "as strings"),
        ('{"id": 1, "title": null, "text": null}', "as strings"),
        ('{"id": 1, "text": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "expected one JSON object"),
    ],
)
def test_another_format_is_refused_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": 1, "contents": "fine"}\n' + line + "\n")
    for read in (lambda: list(read_passages(corpus)), lambda: index_passages(corpus, tmp_path / "index")):
        with pytest.raises(BadCorpusError, match=r"c\.jsonl, line 2") as caught:
            read()
        assert complaint in str(caught.value)
    assert not (tmp_path / "index" / "passages.json").exists()


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (bz2.compress(b'{"id": 1, "contents": "fine"}'), "bzip2"),
        (lzma.compress(b'{"id": 1, "contents": "fine"}'), "xz"),
        (b"\x28\xb5\x2f\xfdxxxx", "zstd"),
        (b"PK\x03\x04xxxx", "zip"),
        (b"PAR1xxxx", "Parquet"),
        ('{"id": 1, "contents": "fine"}'.encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_in_another_format_is_named(tmp_path: Path, packed: bytes, name: str) -> None:
    (tmp_path / "c.jsonl").write_bytes(packed)
    message = rf"c\.jsonl: expected JSONL in UTF-8, plain or gzipped; got a file in {name}$"
    for read in (
        lambda: list(read_passages(tmp_path / "c.jsonl")),
        lambda: index_passages(tmp_path / "c.jsonl", tmp_path / "index"),
    ):
        with pytest.raises(BadCorpusError, match=message):
            read()


def test_a_title_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": 2, "title": null, "text": "b"}\n')
    assert [(one.title, one.text) for one in read_passages(tmp_path / "c.jsonl")] == [("", "a"), ("", "b")]


def test_an_empty_or_missing_corpus_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for name in ("empty.jsonl", "missing.jsonl"):
        with pytest.raises(BadCorpusError, match=name):
            index_passages(tmp_path / name, tmp_path / "index")


def test_a_corpus_that_changed_is_refused(tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": 1, "contents": "one"}\n{"id": 2, "contents": "two"}\n')
    index_passages(corpus, tmp_path / "index")
    corpus.write_text('{"id": 1, "contents": "one"}\n{"id": 2, "contents": "owt"}\n')
    with pytest.raises(BadCorpusError, match="not the corpus this index was made of"):
        JsonlPassages(tmp_path / "index")
    corpus.unlink()
    with pytest.raises(BadCorpusError, match="is not there"):
        JsonlPassages(tmp_path / "index")


def test_a_moved_corpus_is_found_where_the_user_says(tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": 1, "contents": "one"}\n')
    index_passages(corpus, tmp_path / "index")
    moved = corpus.rename(tmp_path / "moved.jsonl")
    store = JsonlPassages(tmp_path / "index", moved)
    assert store.fetch([0])[0].text == "one"
    store.close()


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_that_is_not_there_is_an_error_not_another_passage(tmp_path: Path, row: int) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": 1, "contents": "one"}\n{"id": 2, "contents": "two"}\n')
    index_passages(corpus, tmp_path / "index")
    store = JsonlPassages(tmp_path / "index")
    for passages in (store, MemoryPassages(list(store.scan()))):
        with pytest.raises(IndexError, match=f"row {row}"):
            passages.fetch([0, row])
    store.close()


def test_cut_offsets_are_refused(tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": 1, "contents": "one"}\n')
    index_passages(corpus, tmp_path / "index")
    offsets = tmp_path / "index" / "offsets.u64"
    offsets.write_bytes(offsets.read_bytes()[:-1])
    with pytest.raises(BadCorpusError, match=r"offsets\.u64"):
        JsonlPassages(tmp_path / "index")
