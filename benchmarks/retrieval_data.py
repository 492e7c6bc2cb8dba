"""Vectors that behave like e5's: a mixture, generated row by row from a seed.

768-d, length 1, mean cosine of two rows about .68 (as e5's, by design of its training), local intrinsic dimension about
32 (maximum-likelihood estimate over the 100 nearest of a million rows). For real text see ``retrieval_real_text.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from understudy.retrieval.dense import FACTS_NAME, CodesFacts, DenseFacts
from understudy.retrieval.encoder import EncoderFacts, Vectors
from understudy.retrieval.files import sampled_hash
from understudy.retrieval.ivf import CODES_NAME, Codes, CodesConfig, build_codes, n_lists_for
from understudy.retrieval.tuning import tune
from understudy.retrieval.vectors import FACTS_NAME as VECTORS_FACTS_NAME
from understudy.retrieval.vectors import VECTORS_NAME, VectorFacts, VectorFile
from understudy.runs import sha256_of, write_atomic

DIM = 768
CORPUS = "made up"
_SHARES = (0.68, 0.06, 0.155, 0.105)
"""Of the squared length: what all rows share, the topic, the place within the topic, noise in all dimensions."""
_LOCAL_DIMS = 48
_N_BASES = 64
_BLOCK_ROWS = 20_000
_ROWS_A_TOPIC = 500


def mixture(rows: int, stream: int, topics: int) -> Iterator[Vectors]:
    """Blocks of unit vectors; equal ``topics`` give one mixture, each ``stream`` other draws from it."""
    shape = np.random.default_rng(0)
    common = shape.standard_normal(DIM)
    common /= np.linalg.norm(common)
    centres = shape.standard_normal((topics, DIM)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    bases = [np.linalg.qr(shape.standard_normal((DIM, _LOCAL_DIMS)))[0].T.astype(np.float32) for _ in range(_N_BASES)]
    spread = np.arange(1, _LOCAL_DIMS + 1) ** -0.4
    spread /= np.linalg.norm(spread)
    weights = np.arange(1, topics + 1) ** -0.5
    weights /= weights.sum()
    draw = np.random.default_rng((0, stream))
    for first in range(0, rows, _BLOCK_ROWS):
        n = min(_BLOCK_ROWS, rows - first)
        topic = np.sort(draw.choice(topics, n, p=weights))
        block = np.sqrt(_SHARES[0]) * common + np.sqrt(_SHARES[1]) * centres[topic]
        place = draw.standard_normal((n, _LOCAL_DIMS)) * spread * np.sqrt(_SHARES[2])
        for number, basis in enumerate(bases):
            members = np.flatnonzero(topic % _N_BASES == number)
            block[members] += place[members] @ basis
        block += draw.standard_normal((n, DIM)) * np.sqrt(_SHARES[3] / DIM)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        draw.shuffle(block)
        yield block.astype(np.float32)


def queries(n: int, stream: int, rows: int) -> Vectors:
    """Query vectors: other draws from the mixture of a corpus of so many rows."""
    return np.concatenate(list(mixture(n, stream, _topics(rows))))


def build(folder: Path, rows: int, recall: float) -> DenseFacts:
    """An index of ``rows`` made-up vectors, tuned on queries of its own; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    facts_path = folder / FACTS_NAME
    if facts_path.exists():
        return DenseFacts.model_validate_json(facts_path.read_bytes())
    vector_facts = _write_vectors(folder, rows)
    file, _ = VectorFile.open(folder)
    config = CodesConfig(n_lists=n_lists_for(rows), part_rows=100_000)
    codes = folder / CODES_NAME
    if not codes.exists():
        build_codes(file, vector_facts.sampled_sha256, folder, config)
    tuning = tune(Codes(codes), file, queries(500, 2, rows), recall)
    facts = DenseFacts(
        rows=rows, corpus_sha256=CORPUS, vectors_sha256=vector_facts.sampled_sha256, encoder=vector_facts.encoder,
        codes=CodesFacts(
            config=config, bytes=codes.stat().st_size, sha256=sha256_of(codes), sampled_sha256=sampled_hash(codes),
            tuning=tuning,
        ),
    )  # fmt: skip
    write_atomic(facts_path, facts.model_dump_json(indent=1))
    return facts


def _write_vectors(folder: Path, rows: int) -> VectorFacts:
    facts_path = folder / VECTORS_FACTS_NAME
    if facts_path.exists():
        return VectorFacts.model_validate_json(facts_path.read_bytes())
    with (folder / VECTORS_NAME).open("wb") as file:
        for block in mixture(rows, 0, _topics(rows)):
            file.write(block.astype("<f2").tobytes())
    encoder = EncoderFacts(
        kind="callable", model="made up", weights="", query_prefix="", passage_prefix="", pooling="", max_tokens=0,
        dim=DIM,
    )  # fmt: skip
    facts = VectorFacts(
        rows=rows, corpus_sha256=CORPUS, encoder=encoder, sampled_sha256=sampled_hash(folder / VECTORS_NAME)
    )
    write_atomic(facts_path, facts.model_dump_json())
    return facts


def _topics(rows: int) -> int:
    return max(8, rows // _ROWS_A_TOPIC)
