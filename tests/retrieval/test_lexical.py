from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.retrieval.conftest import make_passages
from understudy.retrieval import IndexMismatchError, LexicalIndex, Passage, lexical_retriever
from understudy.retrieval.passages import MemoryPassages

PASSAGES = [
    Passage("1", "Marie Curie", "She discovered polonium and radium in Paris."),
    Passage("2", "Café society", "People who met in cafés, in Paris and elsewhere."),
    Passage("3", "The Who", "An English rock band formed in London."),
    Passage("4", "Radium", "A chemical element with the symbol Ra."),
]


@pytest.fixture(scope="module")
def small() -> LexicalIndex:
    return lexical_retriever(PASSAGES)


@given(st.text(max_size=200), st.integers(-1, 6))
def test_no_query_is_an_error(small: LexicalIndex, query: str, k: int) -> None:
    (hits,) = small.search([query], k)
    assert len(hits) <= max(k, 0)
    assert all(hit.passage in PASSAGES for hit in hits)


@pytest.mark.parametrize(
    "query", ['"Marie Curie', "title:Curie AND (", "Curie NOT", "curie^", "+CURIE -", "Curie\x00\ud800"]
)
def test_operators_are_words(small: LexicalIndex, query: str) -> None:
    assert small.search([query], 3)[0][0].passage.id == "1"


def test_titles_accents_and_endings_are_found(small: LexicalIndex) -> None:
    found = [hits[0].passage.id for hits in small.search(["cafe", "who discovers polonium", "elements", "The Who"], 1)]
    assert found == ["2", "1", "4", "3"]


def test_a_query_without_words_finds_nothing(small: LexicalIndex) -> None:
    assert small.search(["", " ?!", '""'], 3) == [[], [], []]


def test_equal_scores_are_ordered_by_row_for_every_k() -> None:
    twins = [Passage(str(row), f"T{row}", "same words here") for row in range(300)]
    index = lexical_retriever(twins)
    for k in (1, 3, 10, 299, 400):
        assert [hit.passage.id for hit in index.search(["same"], k)[0]] == [str(row) for row in range(min(k, 300))]


def test_many_threads_get_what_one_gets(passages: list[Passage]) -> None:
    index = lexical_retriever(passages)
    queries = [" ".join(passage.text.split()[:4]) for passage in passages[:200]]
    alone = index.search(queries, 5)
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda query: index.search([query], 5)[0], queries))
    assert together == alone


def test_a_folder_gives_what_memory_gives(tmp_path: Path, passages: list[Passage]) -> None:
    store = MemoryPassages(passages)
    LexicalIndex.build(store, tmp_path)
    queries = [passage.text for passage in passages[:50]]
    assert LexicalIndex.open(store, tmp_path).search(queries, 5) == lexical_retriever(passages).search(queries, 5)


def test_an_index_of_another_corpus_is_refused(tmp_path: Path) -> None:
    LexicalIndex.build(MemoryPassages(PASSAGES), tmp_path)
    with pytest.raises(IndexMismatchError, match="build it again"):
        LexicalIndex.open(MemoryPassages(make_passages(4)), tmp_path)


def test_a_missing_or_damaged_index_is_refused(tmp_path: Path) -> None:
    store = MemoryPassages(PASSAGES)
    with pytest.raises(IndexMismatchError, match="there is none"):
        LexicalIndex.open(store, tmp_path)
    LexicalIndex.build(store, tmp_path)
    (tmp_path / "lexical" / "meta.json").write_text("{")
    with pytest.raises(IndexMismatchError, match="cannot be opened"):
        LexicalIndex.open(store, tmp_path)


def test_importing_the_package_loads_no_engine() -> None:
    import subprocess

    engines = ("torch", "faiss", "tantivy", "httpx")
    code = f"import sys, understudy.retrieval; print([name for name in {engines} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
