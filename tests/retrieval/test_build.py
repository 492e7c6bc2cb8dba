from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.retrieval.building import build
from tests.retrieval.conftest import make_passages, word_vectors, write_corpus
from understudy.retrieval import (
    BadCorpusError,
    BuildConfig,
    CallableEncoder,
    DenseConfig,
    HybridConfig,
    IndexMismatchError,
    LexicalConfig,
    Passage,
    build_index,
    index_info,
    open_retriever,
)
from understudy.retrieval.encoding import encode_corpus
from understudy.retrieval.ivf import CodesConfig, build_codes
from understudy.retrieval.passages import MemoryPassages
from understudy.retrieval.vectors import VectorFile

COMPARED = ("offsets.u64", "passages.json", "vectors.f16", "vectors.json", "codes.faiss", "dense.json", "lexical.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_corpus(folder / "corpus.jsonl", make_passages(1500))
    build(folder, 0.0)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / "index" / name).read_bytes() for name in COMPARED}


def kill_when(folder: Path, there: str, pause_s: float) -> None:
    """Start a build, kill it with SIGKILL as soon as a file with that name is in the index folder."""
    command = [sys.executable, "-m", "tests.retrieval.building", str(folder), str(pause_s)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and not list((folder / "index").glob(there)):
            assert time.monotonic() < deadline, f"no {there} after two minutes"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not (folder / "index" / "dense.json").exists(), "the build was done before it was killed"


def test_a_build_killed_while_encoding_resumes_and_gives_the_same_index(whole: Path, tmp_path: Path) -> None:
    shutil.copy(whole / "corpus.jsonl", tmp_path / "corpus.jsonl")
    kill_when(tmp_path, "encoding.jsonl", 0.2)
    shards_before = (tmp_path / "index" / "encoding.jsonl").read_text().count("\n")
    assert shards_before < 15
    part = tmp_path / "index" / "vectors.f16.part"
    part.write_bytes(part.read_bytes() + b"torn")
    build(tmp_path, 0.0)
    same_corpus = contents(whole)["passages.json"].replace(str(whole).encode(), str(tmp_path).encode())
    assert contents(tmp_path) == {**contents(whole), "passages.json": same_corpus}


def test_what_was_encoded_is_not_encoded_again(tmp_path: Path, encoder: CallableEncoder) -> None:
    store = MemoryPassages(make_passages(1000))
    encoded: list[int] = []

    def encode(texts: list[str]) -> np.ndarray:
        if sum(encoded) >= 500:
            raise KeyboardInterrupt
        encoded.append(len(texts))
        return word_vectors(texts)

    with pytest.raises(KeyboardInterrupt):
        encode_corpus(store, CallableEncoder(encode, name="words-64"), tmp_path, shard_rows=100)
    before = len(encoded)
    done: list[int] = []
    encode_corpus(store, encoder, tmp_path, shard_rows=100, advance=done.append)
    assert before > 0
    assert done[0] == 100 * (sum(encoded) // 100)
    assert sum(done) == 1000
    file, facts = VectorFile.open(tmp_path)
    expected = encoder.encode_passages([p.contents for p in store.scan()]).astype(np.float16)
    np.testing.assert_array_equal(file.read(np.arange(1000)), expected)
    assert facts.rows == 1000
    file.close()


@pytest.mark.parametrize("cut_at", [0, 400, 1200])
def test_codes_go_on_where_they_were_and_are_the_same(whole: Path, tmp_path: Path, cut_at: int) -> None:
    file, facts = VectorFile.open(whole / "index")
    config = CodesConfig(n_lists=32, part_rows=400)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    expected = build_codes(file, facts.sampled_sha256, one, config).read_bytes()

    class CutError(Exception):
        pass

    done: list[int] = []

    def cut(count: int) -> None:
        done.append(count)
        if sum(done) > cut_at:
            raise CutError

    with pytest.raises(CutError):
        build_codes(file, facts.sampled_sha256, two, config, cut)
    resumed: list[int] = []
    assert build_codes(file, facts.sampled_sha256, two, config, resumed.append).read_bytes() == expected
    assert resumed[0] == cut_at
    assert [path.name for path in two.iterdir()] == ["codes.faiss"]
    file.close()


@pytest.mark.slow
@pytest.mark.parametrize("there", ["lexical.part", "codes.job.json", "codes.growing.faiss", "codes.faiss"])
def test_a_build_killed_anywhere_resumes_and_gives_the_same_index(whole: Path, tmp_path: Path, there: str) -> None:
    shutil.copy(whole / "corpus.jsonl", tmp_path / "corpus.jsonl")
    kill_when(tmp_path, there, 0.0)
    build(tmp_path, 0.0)
    same_corpus = contents(whole)["passages.json"].replace(str(whole).encode(), str(tmp_path).encode())
    assert contents(tmp_path) == {**contents(whole), "passages.json": same_corpus}


def test_info_says_what_is_there_and_verify_reads_all(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole / "index", tmp_path / "index"))
    info = index_info(folder, verify=True)
    assert info.passages.rows == 1500
    assert info.lexical is not None
    assert info.dense is not None
    assert info.file_bytes["vectors.f16"] == 1500 * 64 * 2
    with pytest.raises(IndexMismatchError, match=r"passages\.json"):
        index_info(tmp_path)


def test_a_changed_corpus_is_indexed_again(tmp_path: Path, encoder: CallableEncoder) -> None:
    config = BuildConfig(corpus=tmp_path / "c.jsonl", folder=tmp_path / "index")
    for seed in (0, 1):
        rows = make_passages(60, seed)
        write_corpus(tmp_path / "c.jsonl", rows)
        build_index(config, encoder, quiet=True)
        for kind in (LexicalConfig(folder=tmp_path / "index"), DenseConfig(folder=tmp_path / "index")):
            retriever = open_retriever(kind, encoder)
            hits = retriever.search([rows[20].text], 1)[0]
            assert hits[0].passage == rows[20]
            retriever.close()


def test_a_gzipped_corpus_is_unpacked_once(tmp_path: Path, passages: list[Passage]) -> None:
    import gzip

    plain = write_corpus(tmp_path / "c.jsonl", passages[:50])
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    build_index(BuildConfig(corpus=tmp_path / "c.jsonl.gz", folder=tmp_path / "index"), quiet=True)
    moved = (tmp_path / "index").rename(tmp_path / "moved")
    retriever = open_retriever(LexicalConfig(folder=moved))
    assert retriever.search([passages[7].text], 1)[0][0].passage == passages[7]
    retriever.close()


def test_a_bad_corpus_leaves_no_index(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"nothing": 1}\n')
    with pytest.raises(BadCorpusError, match="line 1"):
        build_index(BuildConfig(corpus=tmp_path / "c.jsonl", folder=tmp_path / "index"), quiet=True)
    with pytest.raises((BadCorpusError, FileNotFoundError, IndexMismatchError)):
        open_retriever(LexicalConfig(folder=tmp_path / "index"))


def test_hybrid_fuses_words_and_vectors_of_one_folder(whole: Path, encoder: CallableEncoder) -> None:
    dense = DenseConfig(folder=whole / "index")
    retriever = open_retriever(HybridConfig(dense=dense, depth=20), encoder)
    words = open_retriever(LexicalConfig(folder=whole / "index"))
    vectors = open_retriever(dense, encoder)
    query = make_passages(1500)[33].text
    fused = retriever.search([query], 5)[0]
    both = [{hit.passage.id for hit in engine.search([query], 20)[0]} for engine in (words, vectors)]
    assert all(hit.passage.id in both[0] | both[1] for hit in fused)
    assert fused[0].score == pytest.approx(2 / 61)
    for engine in (retriever, words, vectors):
        engine.close()
