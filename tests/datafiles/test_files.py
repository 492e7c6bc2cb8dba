"""Files as other people leave them: every row is read, or named with the reason why not."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import pytest

from understudy.datafiles import BadRow, DataFileError, Row, read_rows

GOOD = [{"question": "Où?"}, {"question": "Who?"}]


def lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def values(path: Path, split: str = "") -> list[object]:
    rows = list(read_rows(path, split))
    assert not [row for row in rows if isinstance(row, BadRow)]
    return [row.value for row in rows if isinstance(row, Row)]


@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n \n"])
@pytest.mark.parametrize("name", ["q.jsonl", "q.ndjson", "q.txt", "q", "q.json", "q.jsonl.gz"])
def test_every_line_is_read_with_or_without_a_last_line_break(tmp_path: Path, name: str, end: str, bom: bytes) -> None:
    path = tmp_path / name
    content = bom + (lines(*GOOD).rstrip("\n") + end).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert values(path) == GOOD


@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("name", ["q.json", "q.json.gz"])
def test_a_json_document_is_a_row_or_a_list_of_rows(tmp_path: Path, name: str, bom: bytes) -> None:
    path = tmp_path / name
    for value, expected in ((GOOD, GOOD), (GOOD[0], GOOD[:1]), ([], [])):
        content = bom + json.dumps(value, indent=1).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert values(path) == expected


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["q.jsonl", "q.ndjson", "q.txt", "q.jsonl.gz"])
def test_a_json_list_that_is_named_as_jsonl_is_a_list_of_rows(tmp_path: Path, name: str, indent: int | None) -> None:
    path = tmp_path / name
    content = json.dumps(GOOD, indent=indent).encode() + b"\n"
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert values(path) == GOOD


def test_a_list_on_each_line_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(lines(GOOD, GOOD))
    assert values(path) == [GOOD, GOOD]
    path.write_text(lines([1, 2]))
    assert values(path) == [[1, 2]]


BAD_LINES = [
    (b'{"question": ', "expected JSON, got"),
    (b"not json", "expected JSON, got 'not json'"),
    (b'{"question": "A?"} {"question": "B?"}', "Extra data at column 20"),
    ('{"question": "Où?"}'.encode("cp1252"), "expected UTF-8, got byte 0xf9 at column 16"),
    ('{"question": "Où?"}'.encode("latin-1") + b" ", "expected UTF-8"),
    ('{"question": "A?"}'.encode("utf-16-le"), "looks like UTF-16"),
    (b'{"question": "\\ud83d"}', "half of a surrogate pair"),
    (b'{"\\udc00": 1}', "half of a surrogate pair"),
    (b'{"answer": [["\\ud800 and more"]]}', "half of a surrogate pair"),
    (b'{"answer": ' + b"7" * 5_000 + b"}", "too many digits"),
    (b'{"answer": -' + b"1" * 100_000 + b"}", "too many digits"),
    (b"[" * 300 + b"]" * 300, "nested too deeply"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
@pytest.mark.parametrize("name", ["q.jsonl", "q.json", "q.jsonl.gz"])
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, name: str, line: bytes, reason: str) -> None:
    path = tmp_path / name
    content = lines(GOOD[0]).encode() + b"\n" + line + b"\n" + lines(GOOD[1]).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    first, bad, last = read_rows(path)
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert [first.value, last.value] == GOOD
    assert (first.place, last.place) == (f"{path}, line 1", f"{path}, line 4")
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}, line 3: ")
    assert reason in bad.reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(lines(*GOOD).encode(encoding))
    rows = list(read_rows(path))
    assert rows
    assert all(isinstance(row, BadRow) and "UTF-16" in row.reason and "line 1" in str(rows[0]) for row in rows)
    document = tmp_path / "q.json"
    document.write_bytes(json.dumps(GOOD).encode(encoding))
    with pytest.raises(DataFileError, match=r"q\.json, line 1: expected UTF-8"):
        list(read_rows(document))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"a": 1},\n{"a": }]', "line 2: expected JSON"),
        ('[\n\n{"a": "é"}]'.encode("cp1252"), "line 3: expected UTF-8, got byte 0xe9 at column 8"),
        (b'[{"a": "\\ud800"}]', "half of a surrogate pair"),
        (b"", "line 1: expected JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_document_is_named_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "q.json"
    path.write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        list(read_rows(path))
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_numbers_without_end_are_values_for_the_reader_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"a": NaN}\n{"a": -Infinity}\n{"a": 1e999}\n')
    assert [repr(value) for value in values(path)] == ["{'a': nan}", "{'a': -inf}", "{'a': inf}"]


def test_a_cut_gzip_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl.gz"
    rows = [{"question": f"{number}" * 50} for number in range(2_000)]
    path.write_bytes(gzip.compress(lines(*rows).encode())[:-200])
    *good, last = read_rows(path)
    assert [row.value for row in good if isinstance(row, Row)] == rows[: len(good)]
    assert isinstance(last, BadRow)
    assert "damaged or cut off" in last.reason


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nosuch\.jsonl: there is no such file or folder"):
        read_rows(tmp_path / "nosuch.jsonl")
    assert list(read_rows(_touched(tmp_path / "empty.jsonl"))) == []


def _touched(path: Path) -> Path:
    path.touch()
    return path
