"""Index folders that are read-only, moved, damaged, or on file systems without locks; corpora that are cut."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.retrieval.conftest import make_passages, write_corpus
from understudy.retrieval import (
    BadCorpusError,
    BuildConfig,
    CallableEncoder,
    DenseConfig,
    IndexMismatchError,
    LexicalConfig,
    build_index,
    index_info,
    open_retriever,
    read_passages,
)
from understudy.retrieval.passages import JsonlPassages
from understudy.runs import BadRecordError

ROWS = make_passages(60)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def built(tmp_path: Path, encoder: CallableEncoder) -> Path:
    """A folder with a corpus and its index; every user may read it."""
    folder = tmp_path / "data"
    folder.mkdir()
    corpus = write_corpus(folder / "c.jsonl", ROWS)
    build_index(BuildConfig(corpus=corpus, folder=folder / "index"), encoder, quiet=True)
    let_everybody_in(tmp_path)
    return folder


def let_everybody_in(folder: Path) -> None:
    """Also through pytest's own folders above it, which it makes for one user."""
    for one in (folder, *folder.parents):
        if one.stat().st_uid == os.getuid() and not one.stat().st_mode & stat.S_ISVTX and one != Path("/"):
            one.chmod(one.stat().st_mode | 0o055)


def finds(config: LexicalConfig | DenseConfig, encoder: CallableEncoder | None = None) -> bool:
    retriever = open_retriever(config, encoder)
    found = retriever.search([ROWS[7].text], 1)[0][0].passage == ROWS[7]
    retriever.close()
    return found


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Without the rights of root, which no file mode binds."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def make_read_only(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_a_read_only_index_is_opened_and_stays_as_it_is(built: Path, encoder: CallableEncoder) -> None:
    make_read_only(built)
    before = sorted((str(path), path.stat().st_mtime_ns) for path in built.rglob("*"))
    with as_somebody_else():
        assert finds(LexicalConfig(folder=built / "index"))
        assert finds(DenseConfig(folder=built / "index"), encoder)
        index_info(built / "index", verify=True)
        build_index(BuildConfig(corpus=built / "c.jsonl", folder=built / "index"), quiet=True)  # nothing is to be done
    assert sorted((str(path), path.stat().st_mtime_ns) for path in built.rglob("*")) == before


def test_an_index_that_another_user_built_is_opened(built: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) & 0o044 for path in (built / "index" / "lexical").iterdir()} == {0o044}
    with as_somebody_else():
        assert finds(LexicalConfig(folder=built / "index"))


def test_an_index_that_may_not_be_read_is_named_and_not_called_damaged(built: Path) -> None:
    secret = built / "index" / "lexical" / "meta.json"
    secret.chmod(0)
    with as_somebody_else(), pytest.raises(PermissionError, match=r"meta\.json") as raised:
        finds(LexicalConfig(folder=built / "index"))
    assert "build it again" not in str(raised.value)


def test_a_folder_that_may_not_be_written_is_named(built: Path) -> None:
    make_read_only(built)
    with as_somebody_else(), pytest.raises(OSError, match="index2"):
        build_index(BuildConfig(corpus=built / "c.jsonl", folder=built / "index2"), quiet=True)


def test_corpus_and_index_may_be_moved_together(built: Path, encoder: CallableEncoder) -> None:
    moved = shutil.move(built, built.with_name("elsewhere"))
    assert finds(LexicalConfig(folder=moved / "index"))
    assert finds(DenseConfig(folder=moved / "index"), encoder)
    assert index_info(moved / "index", verify=True).passages.rows == 60


def test_a_corpus_that_was_moved_is_asked_for_by_an_option_that_exists(built: Path) -> None:
    moved = (built / "c.jsonl").rename(built.parent / "other.jsonl")
    with pytest.raises(BadCorpusError, match=r"c\.jsonl.*--corpus FILE"):
        finds(LexicalConfig(folder=built / "index"))
    assert finds(LexicalConfig(folder=built / "index", corpus=moved))
    for command in (["search", built / "index", ROWS[7].text, "--corpus", moved],
                    ["info", built / "index", "--verify", "--corpus", moved]):  # fmt: skip
        done = understudy("index", *map(str, command))
        assert done.returncode == 0, done.stderr
    missing = understudy("index", "search", str(built / "index"), "x")
    assert missing.returncode == 1
    assert "--corpus FILE" in missing.stderr
    assert "--corpus" in understudy("index", "serve", "--help").stdout


def understudy(*arguments: str, module: str = "understudy") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, text=True, capture_output=True, check=False
    )


def test_an_index_is_built_and_searched_where_files_cannot_be_locked(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "c.jsonl", ROWS)
    for command in (["build", corpus, tmp_path / "index"], ["search", tmp_path / "index", ROWS[7].text]):
        done = understudy(str(tmp_path), "index", *map(str, command), module="tests.retrieval.without_locks")
        assert done.returncode == 0, done.stderr
    assert "Town 7" in done.stdout
    assert finds(LexicalConfig(folder=tmp_path / "index"))
    assert {path.suffix for path in tmp_path.glob("index/*part")} == set()


UNPACKED = b"".join(b'{"id": %d, "contents": "%s"}\n' % (n, b"ab " * (n % 50)) for n in range(3000))
PACKED = gzip.compress(UNPACKED, mtime=0)  # the names of tests are made of it
DAMAGED = PACKED[: len(PACKED) // 2] + b"\x00\x01\x02\x03" + PACKED[len(PACKED) // 2 + 4 :]


@pytest.mark.parametrize(
    ("packed", "complaint"),
    [
        (PACKED[:-1], "ends too early"),
        (PACKED[: len(PACKED) // 2], "ends too early"),
        (PACKED[:12], "ends too early"),
        (PACKED[:2], "ends too early"),
        (DAMAGED, "damaged"),
        (PACKED[:-8] + b"\0" * 8, "damaged"),
        (PACKED + b"trailing", "damaged"),
        (PACKED[:2] + b"\x07" + PACKED[3:], "damaged"),
    ],
)
def test_a_gzipped_corpus_that_is_cut_or_damaged_is_named(tmp_path: Path, packed: bytes, complaint: str) -> None:
    corpus = tmp_path / "c.jsonl.gz"
    corpus.write_bytes(packed)
    with pytest.raises(BadCorpusError, match=rf"{corpus}.*{complaint}"):
        build_index(BuildConfig(corpus=corpus, folder=tmp_path / "index"), quiet=True)
    with pytest.raises(BadCorpusError, match=str(corpus)):
        list(read_passages(corpus))
    assert list((tmp_path / "index").iterdir()) == []
    corpus.write_bytes(PACKED)
    assert build_index(BuildConfig(corpus=corpus, folder=tmp_path / "index"), quiet=True).passages.rows == 3000


def test_a_full_disk_leaves_no_part_behind(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        "from understudy.retrieval import BuildConfig, build_index;"
        "build_index(BuildConfig(corpus=Path(sys.argv[1]), folder=Path(sys.argv[2])), quiet=True)"
    )
    (tmp_path / "c.gz").write_bytes(PACKED)
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "c.gz", tmp_path / "index"], capture_output=True, check=False
    )
    assert os.strerror(errno.EFBIG).encode() in done.stderr
    assert list((tmp_path / "index").iterdir()) == []


@pytest.mark.parametrize("name", ["passages.json", "lexical.json", "lexical/meta.json", "offsets.u64"])
@pytest.mark.parametrize("content", [b"", b"{", b'{"rows": 1}'])
def test_damaged_files_of_an_index_are_named(built: Path, name: str, content: bytes) -> None:
    (built / "index" / name).write_bytes(content)
    with pytest.raises((IndexMismatchError, BadCorpusError, BadRecordError)) as raised:
        finds(LexicalConfig(folder=built / "index"))
    assert str(built / "index" / name.partition("/")[0]) in str(raised.value)


@pytest.mark.parametrize("name", ["dense.json", "vectors.json"])
def test_damaged_headers_of_vectors_are_named(built: Path, encoder: CallableEncoder, name: str) -> None:
    (built / "index" / name).write_bytes(b"{")
    with pytest.raises(BadRecordError, match=name):
        finds(DenseConfig(folder=built / "index"), encoder)


def test_a_lexical_index_without_its_folder_is_named(built: Path) -> None:
    shutil.rmtree(built / "index" / "lexical")
    with pytest.raises(IndexMismatchError, match=r"index/lexical: expected"):
        finds(LexicalConfig(folder=built / "index"))


def test_a_folder_that_is_no_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexMismatchError, match=rf"{tmp_path}: expected an index folder"):
        finds(LexicalConfig(folder=tmp_path))


def damaged(index: Path, name: str, content: bytes | None) -> Path:
    (path,) = index.glob(name)
    path.unlink() if content is None else path.write_bytes(content)
    return path


DAMAGES = [
    ("lexical/*.pos", None),
    ("lexical/*.pos", b""),
    ("lexical/*.idx", None),
    ("lexical/meta.json", b"{"),
    ("lexical.json", b"{"),
    ("offsets.u64", None),
    ("offsets.u64", b"x"),
    ("passages.json", b"{"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGES)
def test_a_damaged_index_is_refused_and_built_again(built: Path, name: str, content: bytes | None) -> None:
    before = finds(LexicalConfig(folder=built / "index"))
    path = damaged(built / "index", name, content)
    with pytest.raises((IndexMismatchError, BadCorpusError, BadRecordError)) as raised:
        finds(LexicalConfig(folder=built / "index"))
    assert str(built / "index") in str(raised.value)
    (corpus,) = built.glob("*.jsonl")
    build_index(BuildConfig(corpus=corpus, folder=built / "index"), quiet=True)
    assert finds(LexicalConfig(folder=built / "index")) == before
    assert path.exists() or name.startswith("lexical/")


@pytest.mark.parametrize("pattern", [b"\xff", b"\0", b'{"a": 1}'])
def test_offsets_of_the_right_size_that_are_junk_are_refused(built: Path, pattern: bytes) -> None:
    offsets = built / "index" / "offsets.u64"
    offsets.write_bytes((pattern * offsets.stat().st_size)[: offsets.stat().st_size])
    with pytest.raises(BadCorpusError, match=r"offsets\.u64: is damaged.*build the index again"):
        finds(LexicalConfig(folder=built / "index"))


@pytest.mark.parametrize("moved_by", [3, -3, 10**9])
def test_one_wrong_offset_is_named_where_its_row_is_read(
    built: Path, moved_by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = built / "index" / "offsets.u64"
    offsets = np.frombuffer(path.read_bytes(), "<u8").astype(np.int64)
    offsets[1] += moved_by
    path.write_bytes(offsets.astype("<u8").tobytes())
    monkeypatch.setattr("understudy.retrieval.passages._N_SAMPLED_OFFSETS", 2)  # as in an index of many rows
    store = JsonlPassages(built / "index")
    with pytest.raises(BadCorpusError, match=r"offsets\.u64: is damaged: row [01] does not lie where it says"):
        store.fetch([0, 1])
    store.close()
