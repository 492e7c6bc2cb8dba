from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.retrieval.conftest import DIM, make_passages, word_vectors, write_corpus
from understudy.retrieval import (
    BuildConfig,
    CallableEncoder,
    DenseConfig,
    IndexInfo,
    IndexMismatchError,
    Passage,
    build_index,
    index_info,
    open_retriever,
)
from understudy.retrieval.dense import DenseIndex
from understudy.retrieval.encoding import import_flat_index
from understudy.retrieval.passages import MemoryPassages
from understudy.retrieval.vectors import VectorFile


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, passages: list[Passage], encoder: CallableEncoder) -> Path:
    folder = tmp_path_factory.mktemp("dense")
    write_corpus(folder / "corpus.jsonl", passages)
    build_index(config_of(folder), encoder, quiet=True)
    return folder


def config_of(folder: Path) -> BuildConfig:
    return BuildConfig(
        corpus=folder / "corpus.jsonl", folder=folder / "index", lexical=False, recall=0.98, n_tuning_queries=200,
        min_rows_for_codes=100,
    )  # fmt: skip


def queries_of(passages: list[Passage], n: int) -> list[str]:
    return [" ".join(passage.text.split()[3:9]) for passage in passages[:n]]


def rows_of(folder: Path, info: IndexInfo, queries: np.ndarray, *, exact: bool) -> list[list[int]]:
    index = DenseIndex.open(folder / "index", info.passages.sha256, exact=exact)
    rows = [rows.tolist() for rows, _ in index.search(queries, 10)]
    index.close()
    return rows


def test_it_finds_what_the_header_promises(built: Path, passages: list[Passage], encoder: CallableEncoder) -> None:
    info = index_info(built / "index", verify=True)
    assert info.dense is not None
    assert info.dense.codes is not None
    assert info.dense.codes.tuning.recall_at_10 >= 0.98
    queries = encoder.encode_queries(queries_of(passages, 300))
    found, truth = rows_of(built, info, queries, exact=False), rows_of(built, info, queries, exact=True)
    shares = [len(set(f) & set(t)) / 10 for f, t in zip(found, truth, strict=True)]
    assert np.mean(shares) > 0.95


def test_exact_search_is_exact(built: Path, passages: list[Passage], encoder: CallableEncoder) -> None:
    vectors = encoder.encode_passages([p.contents for p in passages]).astype(np.float16).astype(np.float64)
    queries = encoder.encode_queries(queries_of(passages, 50))
    expected = np.sort(queries.astype(np.float64) @ vectors.T, axis=1)[:, ::-1][:, :10]
    index = DenseIndex.open(built / "index", index_info(built / "index").passages.sha256, exact=True)
    answers = index.search(queries, 10)
    np.testing.assert_allclose([scores for _, scores in answers], expected, atol=1e-5)
    for (rows, scores), query in zip(answers, queries, strict=True):
        np.testing.assert_allclose(scores, vectors[rows] @ query, atol=1e-5)
    index.close()


def test_scores_of_approximate_search_are_the_exact_ones(
    built: Path, encoder: CallableEncoder, passages: list[Passage]
) -> None:
    texts = queries_of(passages, 40)
    fast = open_retriever(DenseConfig(folder=built / "index"), encoder)
    exact = open_retriever(DenseConfig(folder=built / "index", exact=True), encoder)
    for quick, slow in zip(fast.search(texts, 5), exact.search(texts, 50), strict=True):
        known = {hit.passage.id: hit.score for hit in slow}
        assert all(known.get(hit.passage.id, hit.score) == hit.score for hit in quick)
    fast.close()
    exact.close()


def test_an_answer_does_not_depend_on_its_company(
    built: Path, encoder: CallableEncoder, passages: list[Passage]
) -> None:
    texts = queries_of(passages, 64)
    retriever = open_retriever(DenseConfig(folder=built / "index"), encoder)
    alone = [open_one.search([text], 5)[0] for text in texts for open_one in [retriever]]
    fresh = open_retriever(DenseConfig(folder=built / "index"), encoder)
    assert fresh.search(texts, 5) == alone
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: fresh.search([text], 5)[0], reversed(texts))) == alone[::-1]
    retriever.close()
    fresh.close()


def test_more_hits_than_passages_are_all_passages(tmp_path: Path, encoder: CallableEncoder) -> None:
    few = make_passages(7)
    corpus = write_corpus(tmp_path / "c.jsonl", few)
    build_index(BuildConfig(corpus=corpus, folder=tmp_path / "index"), encoder, quiet=True)
    retriever = open_retriever(DenseConfig(folder=tmp_path / "index"), encoder)
    (hits,) = retriever.search(["anything"], 50)
    assert sorted(hit.passage.id for hit in hits) == [p.id for p in few]
    assert retriever.search([], 3) == []
    retriever.close()


def test_another_encoder_is_refused(built: Path) -> None:
    other = CallableEncoder(word_vectors, name="other-weights")
    with pytest.raises(IndexMismatchError, match="other-weights"):
        open_retriever(DenseConfig(folder=built / "index"), other)
    prefixed = CallableEncoder(word_vectors, name="words-64", query_prefix="query: ")
    with pytest.raises(IndexMismatchError, match="query_prefix"):
        open_retriever(DenseConfig(folder=built / "index"), prefixed)


def test_another_corpus_is_refused(built: Path, encoder: CallableEncoder, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "c.jsonl", make_passages(2000, seed=1))
    build_index(BuildConfig(corpus=other, folder=tmp_path / "index", lexical=False), quiet=True)
    for name in ("vectors.f16", "vectors.json", "codes.faiss", "dense.json"):
        shutil.copy(built / "index" / name, tmp_path / "index" / name)
    with pytest.raises(IndexMismatchError, match="is of the corpus"):
        open_retriever(DenseConfig(folder=tmp_path / "index"), encoder)


@pytest.mark.parametrize("name", ["vectors.f16", "codes.faiss"])
@pytest.mark.parametrize("damage", ["cut", "grown", "flipped", "missing"])
def test_damaged_files_are_refused(
    built: Path, encoder: CallableEncoder, tmp_path: Path, name: str, damage: str
) -> None:
    folder = Path(shutil.copytree(built / "index", tmp_path / "index"))
    path = folder / name
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(data[:-100])
    elif damage == "grown":
        path.write_bytes(data + b"\x00" * 100)
    else:
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    with pytest.raises(IndexMismatchError, match=name):
        open_retriever(DenseConfig(folder=folder), encoder)


def test_an_unfinished_index_is_refused(built: Path, encoder: CallableEncoder, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(built / "index", tmp_path / "index"))
    (folder / "dense.json").unlink()
    with pytest.raises(IndexMismatchError, match="finished dense index"):
        open_retriever(DenseConfig(folder=folder), encoder)


def test_building_again_changes_nothing(built: Path, encoder: CallableEncoder) -> None:
    before = {path: path.stat().st_mtime_ns for path in (built / "index").iterdir()}
    build_index(config_of(built), encoder, quiet=True)
    assert {path: path.stat().st_mtime_ns for path in (built / "index").iterdir()} == before


def test_vectors_of_a_published_flat_index_are_taken(
    tmp_path: Path, encoder: CallableEncoder, passages: list[Passage]
) -> None:
    import faiss

    vectors = encoder.encode_passages([p.contents for p in passages])
    flat = faiss.IndexFlatIP(DIM)
    flat.add(vectors)
    faiss.write_index(flat, str(tmp_path / "flat.index"))
    store = MemoryPassages(passages)
    import_flat_index(tmp_path / "flat.index", store, encoder.facts, tmp_path)
    file, facts = VectorFile.open(tmp_path)
    np.testing.assert_array_equal(file.read(np.arange(2000)), vectors.astype(np.float16))
    assert facts.corpus_sha256 == store.content_hash
    file.close()
    for damaged in (tmp_path / "flat.index").read_bytes()[:-4], b"nonsense" * 100:
        (tmp_path / "bad.index").write_bytes(damaged)
        (tmp_path / "vectors.json").unlink(missing_ok=True)
        with pytest.raises(IndexMismatchError, match=r"bad\.index"):
            import_flat_index(tmp_path / "bad.index", store, encoder.facts, tmp_path)


def test_the_header_is_readable_json(built: Path) -> None:
    header = json.loads((built / "index" / "dense.json").read_text())
    assert header["rows"] == 2000
    assert header["encoder"]["model"] == "words-64"
    assert header["codes"]["tuning"]["n_queries"] == 200
