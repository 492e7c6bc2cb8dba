"""Parquet, folders of files, folders that ``datasets`` saved: the same rows as from JSONL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from understudy.datafiles import BadRow, DataFileError, Row, hub_rows, read_rows

pyarrow = pytest.importorskip("pyarrow")
datasets = pytest.importorskip("datasets")

ROWS: list[dict[str, Any]] = [
    {"question": "Où?", "messages": [{"role": "user", "content": "Où?"}], "score": 1.0},
    {"question": "Who?", "messages": [], "score": None},
]


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def values(path: Path, split: str = "") -> list[object]:
    return [row.value for row in read_rows(path, split) if isinstance(row, Row)]


@pytest.mark.parametrize("name", ["q.parquet", "q.jsonl", "q"])
def test_parquet_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = write_parquet(tmp_path / name, ROWS)
    assert values(path) == ROWS
    assert [row.place for row in read_rows(path)] == [f"{path}, row 1", f"{path}, row 2"]


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "q.parquet", ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataFileError, match=r"q\.parquet: cannot be read as Parquet"):
        values(path)
    path.write_text("{}\n")
    with pytest.raises(DataFileError, match=r"q\.parquet: cannot be read as Parquet"):
        values(path)


def test_bytes_that_are_no_text_spoil_one_row_of_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet

    raw = pyarrow.array([b"A?", b"caf\xe9", b"C?"], pyarrow.binary())
    path = tmp_path / "q.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"question": raw.view(pyarrow.string())}), path)
    first, bad, last = read_rows(path)
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert [first.value, last.value] == [{"question": "A?"}, {"question": "C?"}]
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}, row 2: cannot be read")


@pytest.mark.parametrize("n_files", [1, 2])
def test_a_folder_of_parquet_shards(tmp_path: Path, n_files: int) -> None:
    for number in range(n_files):
        write_parquet(tmp_path / "data" / f"train-{number:05}-of-{n_files:05}.parquet", ROWS)
    (tmp_path / "README.md").write_text("# A data set")
    (tmp_path / ".cache").mkdir()
    write_lines(tmp_path / ".cache" / "x.jsonl", [{"question": "hidden"}])
    assert values(tmp_path) == ROWS * n_files
    assert values(tmp_path, "train") == ROWS * n_files


@pytest.mark.parametrize("write", [write_lines, write_parquet])
@pytest.mark.parametrize("names", [("train{}", "test{}"), ("train/rows{}", "test/rows{}"), ("x-train{}", "x-test{}")])
def test_a_folder_with_splits_needs_the_name_of_one(tmp_path: Path, write: Any, names: tuple[str, str]) -> None:
    ending = ".jsonl" if write is write_lines else ".parquet"
    for name, row in zip(names, ROWS, strict=True):
        write(tmp_path / name.format(ending), [row])
    assert values(tmp_path, "train") == ROWS[:1]
    assert values(tmp_path, "test") == ROWS[1:]
    for wrong in ("", "dev"):
        with pytest.raises(DataFileError, match=r"split: .* has test, train; got '.*'"):
            values(tmp_path, wrong)


def test_files_of_one_folder_without_split_names_are_read_in_order(tmp_path: Path) -> None:
    for number, row in enumerate(ROWS):
        write_lines(tmp_path / f"rows_{number}.jsonl", [row])
    assert values(tmp_path) == ROWS


def test_a_folder_without_rows_or_with_two_formats_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="it holds none of them"):
        values(tmp_path)
    write_lines(tmp_path / "a.jsonl", ROWS)
    write_parquet(tmp_path / "a.parquet", ROWS)
    with pytest.raises(DataFileError, match="it holds JSONL and Parquet"):
        values(tmp_path)


def test_what_datasets_saved_to_disk(tmp_path: Path) -> None:
    one = datasets.Dataset.from_list(ROWS)
    one.save_to_disk(tmp_path / "one")
    assert values(tmp_path / "one") == ROWS
    datasets.DatasetDict({"train": one, "test": one.select([1])}).save_to_disk(tmp_path / "two")
    assert values(tmp_path / "two", "test") == ROWS[1:]
    assert [row.place for row in read_rows(tmp_path / "two", "test")] == [f"{tmp_path / 'two'} [test], row 1"]
    with pytest.raises(DataFileError, match=r"split: .* has test, train; got 'nothing'"):
        values(tmp_path / "two")
    (tmp_path / "one" / "state.json").write_text("{")
    with pytest.raises(DataFileError, match="one cannot be loaded"):
        values(tmp_path / "one")


@pytest.mark.parametrize("name", ["./sets", "/data/sets", "~/sets", "a/b/c"])
def test_a_path_is_not_taken_for_a_name_on_the_hub(name: str) -> None:
    with pytest.raises(DataFileError, match="name it by `path`"):
        list(hub_rows(name))


def test_an_existing_folder_is_not_taken_for_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lines(tmp_path / "owner" / "name" / "q.jsonl", ROWS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataFileError, match="name it by `path`"):
        list(hub_rows("owner/name"))


def test_a_data_set_that_is_not_on_the_hub_is_named() -> None:
    """Tests run offline, so none is there."""
    with pytest.raises(DataFileError, match="hub: owner/nothing-here cannot be loaded: ConnectionError"):
        list(hub_rows("owner/nothing-here"))
