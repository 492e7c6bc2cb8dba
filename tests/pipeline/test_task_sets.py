"""Figures go by the recipe's names of task sets, not by the source that two of them may share."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
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


def rows(*questions: str, start: int = 0) -> str:
    lines = [{"id": number + start, "question": one, "answer": str(number)} for number, one in enumerate(questions)]
    return "".join(json.dumps(line) + "\n" for line in lines)


FILES = {
    "a.jsonl": rows("One?", "Two?", "Three?"),
    "same-ids.jsonl": rows("Four?", "Five?"),
    "same-questions.jsonl": rows("One?", "Two?", start=7),
    "other-answers.jsonl": rows("Two?", "One?"),
    "blanks.jsonl": rows(" One? ", "one?"),
    "folder/a.jsonl": rows("Six?"),
}
SETS = {
    "a": ({"path": "a.jsonl"}, 3),
    "a.jsonl": ({"path": "a.jsonl", "limit": 2}, 2),
    "a-again": ({"path": "a.jsonl", "limit": 2, "seed": 5}, 2),
    "a-link": ({"path": "link.jsonl"}, 3),
    "a-ids": ({"path": "a.jsonl", "fields": {"id": "id"}}, 3),
    "a-answers": ({"path": "a.jsonl", "fields": {"question": "answer", "answer": "id"}}, 3),
    "folder-a": ({"path": "folder/a.jsonl"}, 1),
    "named": ({"name": "a", "path": "same-ids.jsonl"}, 2),
    "named-too": ({"name": "a", "path": "same-questions.jsonl"}, 2),
    "answers": ({"name": "a", "path": "other-answers.jsonl"}, 2),
    "blanks": ({"name": "a", "path": "blanks.jsonl"}, 2),
    "toy": ({"name": "toy", "split": "test", "limit": 2}, 2),
    "toy-seed": ({"name": "toy", "split": "test", "limit": 2, "seed": 1}, 2),
    "toy-dev": ({"name": "toy", "split": "dev", "limit": 2}, 2),
    "toy.train": ({"name": "toy", "split": "train", "limit": 1}, 1),
    "all": ({"name": "toy", "split": "train", "limit": 2}, 2),
}


def test_every_name_is_a_set_of_its_own_whatever_the_sources_share(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    evaluate = {"model": "teacher", "agent": "cot"}
    recipe = {
        "name": "sets",
        "tasks": {
            name: {"task_kind": "fact", **config} if "path" in config else config for name, (config, _) in SETS.items()
        },
        "models": {"teacher": {"kind": "scripted", "program": "tests.rollouts.programs:think"}},
        "agents": {"cot": {"kind": "chain_of_thought", "prompts": "minimal"}},
        "evaluate": {
            "forth": {**evaluate, "label": "forth", "tasks": list(SETS)},
            "back": {**evaluate, "label": "back", "tasks": [*reversed(SETS)][::2]},
        },
        "report": {"baseline": "back"},
    }
    (tmp_path / "sets.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    run_dir = tmp_path / "run"
    run_recipe(load_recipe(tmp_path / "sets.yaml"), run_dir, say=lambda _: None, quiet=True)
    for name, sets in (("forth", list(SETS)), ("back", [*reversed(SETS)][::2])):
        metrics = Metrics.model_validate_json((run_dir / "evaluate" / name / "metrics.json").read_bytes())
        found = {one.task_set: one.n_tasks for one in metrics.task_sets}
        assert found == {name: SETS[name][1] for name in sets}
    rows = TypeAdapter(list[Comparison]).validate_json((run_dir / "comparisons.json").read_bytes())
    common = {name: SETS[name][1] for name in [*reversed(SETS)][::2]}
    assert {one.task_set: one.n_tasks for one in rows if one.task_set != "average"} == common
