"""The stage ``agreement``: stored attempts of agents with code and with calls, and what a model would do there."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.models import ProviderError, Request
from understudy.pipeline import Outcome, StageFailedError, load_recipe, run_recipe
from understudy.records import Agreement, StepAgreement
from understudy.report import collect, show_run, terminal_table, write_report
from understudy.runs import read_jsonl, read_record

RECIPE = """\
name: small
tasks:
  test: {name: toy, split: test, limit: 8}
retrieval: {kind: memory, corpus: toy}
tools: {search: {k: 1, shape: brief}}
sandbox: {preload: []}
models:
  teacher: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", options: {error_rate: 0.0}}
  sloppy: {kind: scripted, program: "understudy.tasks.toy:toy_teacher", options: {error_rate: 0.5}}
  down: {kind: scripted, program: "tests.pipeline.test_agreement:down"}
agents:
  code: {kind: code_agent, prompts: minimal, max_steps: 5}
  calls: {kind: tool_calling, prompts: minimal, max_steps: 5}
rollout:
  code: {tasks: [test], model: teacher, agent: code}
  calls: {tasks: [test], model: teacher, agent: calls}
agreement:
  same: {label: Same, model: teacher, attempts: [code, calls]}
  sloppy: {label: Sloppy, model: sloppy, attempts: [code, calls]}
"""
DOWN = "  down: {label: Down, model: down, attempts: [code]}\n"


def down(request: Request) -> str:
    """A model that cannot be reached."""
    raise ProviderError(f"no answer to {len(request.messages)} messages")


def run(tmp_path: Path, text: str = RECIPE) -> dict[str, Outcome]:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return run_recipe(load_recipe(path), tmp_path / "run", say=lambda _: None, quiet=True)


def test_the_same_program_agrees_with_itself_and_a_sloppy_one_less(tmp_path: Path) -> None:
    run(tmp_path)
    same, sloppy = (
        read_record(tmp_path / f"run/agreement/{name}/agreement.json", Agreement) for name in ("same", "sloppy")
    )
    assert [rate.rate for rate in same.rates] == [1.0] * 5
    assert (same.n_conversations, same.n_skipped, same.is_program) == (16, 0, True)
    assert {rate.name for rate in same.arguments} >= {"web_search.query", "web_search.0"}
    assert 0 < sloppy.rates[0].rate < 1
    rows = list(read_jsonl(tmp_path / "run/agreement/same/steps.jsonl", StepAgreement))
    assert len(rows) == same.n_steps
    document = collect(tmp_path / "run")
    assert [one.system for one in document.agreements] == ["Same", "Sloppy"]
    assert "stored → chosen" in "".join(_texts(terminal_table(tmp_path / "run")))
    assert "web_search.query" in "".join(_texts(show_run(tmp_path / "run", "agreement/same")))
    assert write_report(tmp_path / "run").stat().st_size > 1000


def test_rows_of_an_earlier_run_are_kept(tmp_path: Path) -> None:
    run(tmp_path)
    path = tmp_path / "run/agreement/same/steps.jsonl"
    first, *others = path.read_text().splitlines(keepends=True)
    marked = first.replace('"usage":{', '"usage":{"cost_usd":7.0,')
    path.write_text(marked + "".join(others[: len(others) // 2]) + others[-1][:20])
    stage = path.with_name("stage.json")
    stage.write_text(stage.read_text().replace('"state": "done"', '"state": "running"'))
    assert run(tmp_path)["agreement/same"] is Outcome.DONE
    rows = list(read_jsonl(path, StepAgreement))
    assert len(rows) == 1 + len(others)
    assert rows[0].usage.cost_usd == 7.0, "its row was not asked again"


def test_a_model_that_is_down_fails_the_stage_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        StageFailedError, match=r"agreement/down: at \d+ of \d+ steps the model could not be asked, such as: no answer"
    ):
        run(tmp_path, RECIPE + DOWN)


def _texts(shown: object) -> list[str]:
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    Console(file=out, width=160).print(shown)
    return [out.getvalue()]
