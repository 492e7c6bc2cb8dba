"""JSONL that survives a kill, atomic writes, digests and seeds."""

from __future__ import annotations

import codecs
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.records import Message, Role, Usage
from understudy.runs import (
    LOCK_NAME,
    BadRecordError,
    append_jsonl,
    content_digest,
    derive_seed,
    digest,
    read_jsonl,
    read_user_jsonl,
    write_atomic,
    write_jsonl,
)


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=5), st.integers(0, 40))
def test_a_file_cut_anywhere_keeps_every_complete_line(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.jsonl"
    messages = [Message(role=Role.USER, content=text) for text in texts]
    write_jsonl(path, messages)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(0, len(whole) - cut)])
    n_whole = path.read_bytes().count(b"\n")

    assert list(read_jsonl(path, Message)) == messages[:n_whole]
    with append_jsonl(path) as writer:
        for message in messages[n_whole:]:
            writer.write(message)
    assert path.read_bytes() == whole


def test_many_threads_append_complete_lines(tmp_path: Path) -> None:
    path = tmp_path / "u.jsonl"
    with append_jsonl(path) as writer:

        def write_fifty(number: int) -> None:
            for _ in range(50):
                writer.write(Usage(requests=number))

        threads = [threading.Thread(target=write_fifty, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counts = [usage.requests for usage in read_jsonl(path, Usage)]
    assert sorted(counts) == sorted(list(range(1, 9)) * 50)


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"role":"user","content":"a"}\n{"role":"robot","content":"b"}\n')
    with pytest.raises(BadRecordError, match=r"m\.jsonl, line 2: role: .*'robot'"):
        list(read_jsonl(path, Message))


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"role":"user","content":"a","colour":1}\n')
    with pytest.raises(BadRecordError, match="colour"):
        list(read_jsonl(path, Message))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_an_error_and_not_a_silence() -> None:
    with pytest.raises(OSError, match=r"space|Invalid"), append_jsonl(Path("/dev/full")) as writer:
        writer.write(Usage())


def test_digest_depends_on_content_only() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(Usage()) != digest(Usage(requests=1))


def test_seeds_differ_by_every_part() -> None:
    seeds = {derive_seed(0, f"task-{t}", a) for t in range(200) for a in range(5)}
    assert len(seeds) == 1000
    assert derive_seed(1, "23") != derive_seed(12, "3")
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n  \n"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_users_file_is_read_to_its_end_whatever_its_last_line_ends_with(
    tmp_path: Path, end: bytes, mark: bytes
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(mark + b'{"requests": 1}\n\n{"requests": 2}' + end)
    assert [line.requests for line in read_user_jsonl(path, Usage)] == [1, 2]


def test_a_users_file_that_ends_in_mid_record_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"requests": 1}\n{"requ')
    with pytest.raises(BadRecordError, match=r"lines\.jsonl, line 2"):
        list(read_user_jsonl(path, Usage))


def test_a_folder_that_is_being_written_has_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "exchanges.jsonl").write_text("{}\n")
    before = content_digest(tmp_path)
    (tmp_path / LOCK_NAME).touch()
    assert content_digest(tmp_path) == before
    (tmp_path / ".locked").touch()
    assert content_digest(tmp_path) != before
