from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.retrieval.conftest import make_passages, write_corpus

DOCS = Path(__file__).resolve().parents[2] / "docs" / "retrieval.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    block = next(
        block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S) if "build_index(" in block
    )
    rows = make_passages(30)
    write_corpus(tmp_path / "corpus.jsonl", rows)
    monkeypatch.chdir(tmp_path)
    exec(compile(block.replace("who discovered radium", rows[4].text), "docs/retrieval.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[0].endswith(f"Town 4: {rows[4].text}")
