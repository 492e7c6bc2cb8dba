"""Export: what was written is what was kept, and the card says where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curation.attempts import attempt, score, task
from understudy.curation import CurateConfig, Provenance, curate, export
from understudy.records import Dropped, Example
from understudy.runs import read_jsonl

PROVENANCE = Provenance(
    name="made-up trajectories",
    teacher="a program",
    agent="code_agent",
    prompt_hash="0123456789abcdef",
    temperature=0.0,
    task_sets=("made up",),
    versions={"understudy": "0.1.0"},
)


def test_jsonl_and_parquet_hold_the_same_examples_and_the_card_counts_them(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    trajectories = [attempt(task(number)) for number in range(3)]
    pairs = [(one, score(one, correct=number > 0)) for number, one in enumerate(trajectories)]
    curated = curate(pairs, CurateConfig())
    export(curated, CurateConfig(), PROVENANCE, tmp_path)
    assert tuple(read_jsonl(tmp_path / "examples.jsonl", Example)) == curated.examples
    assert tuple(read_jsonl(tmp_path / "dropped.jsonl", Dropped)) == curated.dropped
    rows = parquet.read_table(tmp_path / "examples.parquet").to_pylist()
    assert tuple(Example.model_validate(row) for row in rows) == curated.examples
    card = (tmp_path / "README.md").read_text()
    for fact in (
        "a program",
        "0123456789abcdef",
        "| kept | 2 |",
        "| incorrect | 1 |",
        "understudy 0.1.0",
        "2 training",
    ):
        assert fact in card
