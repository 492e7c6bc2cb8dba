"""Figures go by the recipe's names of task sets, not by the source that two of them may share."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from understudy.pipeline import load_recipe, run_recipe
from understudy.records import Comparison, Metrics

RECIPE = """\
name: sets
tasks:
  spring: {{name: shop, path: {folder}/spring.jsonl, fields: {{id: id}}}}
  autumn: {{name: shop, path: {folder}/autumn.jsonl, fields: {{id: id}}}}
  few: {{name: toy, split: test, limit: 4}}
  many: {{name: toy, split: test, limit: 8}}
  dev: {{name: toy, split: dev, limit: 3}}
models:
  teacher: {{kind: scripted, program: "tests.rollouts.programs:think"}}
agents:
  cot: {{kind: chain_of_thought, prompts: minimal}}
evaluate:
  all: {{label: all, model: teacher, agent: cot, tasks: [spring, autumn, few, many, dev]}}
  autumn: {{label: autumn, model: teacher, agent: cot, tasks: [many, autumn]}}
  spring: {{label: spring, model: teacher, agent: cot, tasks: [spring]}}
report: {{baseline: autumn}}
"""


def test_files_splits_and_draws_of_one_source_stay_apart(tmp_path: Path) -> None:
    for name in ("spring", "autumn"):
        rows = [{"id": n, "question": f"{name} {n}?", "answer": str(n)} for n in range(3)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "sets.yaml"
    path.write_text(RECIPE.format(folder=tmp_path))
    run_dir = tmp_path / "run"
    said: list[str] = []
    run_recipe(load_recipe(path), run_dir, say=said.append, quiet=True)
    assert "spring, autumn: not compared, they have no question in common" in said

    metrics = {
        one: Metrics.model_validate_json((run_dir / "evaluate" / one / "metrics.json").read_bytes())
        for one in ("all", "autumn", "spring")
    }
    assert [(one.task_set, one.n_tasks) for one in metrics["all"].task_sets] == [
        ("spring", 3),
        ("autumn", 3),
        ("few", 4),
        ("many", 8),
        ("dev", 3),
    ]
    assert [(one.task_set, one.n_tasks) for one in metrics["autumn"].task_sets] == [("many", 8), ("autumn", 3)]

    rows = TypeAdapter(list[Comparison]).validate_json((run_dir / "comparisons.json").read_bytes())
    assert [(one.system, one.baseline, one.task_set, one.n_tasks) for one in rows] == [
        ("all", "autumn", "autumn", 3),
        ("all", "autumn", "many", 8),
        ("all", "autumn", "average", 11),
    ], "and spring, which has no question in common with autumn, is in no row"
