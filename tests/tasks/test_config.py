"""Configs of task sets: keys imply the kind, keys that do not fit are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from understudy.records import Record
from understudy.registry import PartConfig
from understudy.tasks import BenchmarkConfig, FileConfig, HubConfig, TaskSetConfig, ToyConfig


class Recipe(Record):
    """As a recipe holds task sets."""

    tasks: dict[str, TaskSetConfig]


def read(keys: object) -> PartConfig:
    return Recipe.model_validate({"tasks": {"x": keys}}).tasks["x"]


@pytest.mark.parametrize(
    ("keys", "where", "message"),
    [
        ({"name": "no_such_set"}, (), "name: 'no_such_set' is not a benchmark"),
        ({"name": "hotpotqa"}, (), "split: hotpotqa has train and test; got nothing"),
        ({"name": "aime", "split": "train"}, (), "split: aime has test; got 'train'"),
        ({"name": "aime", "task_kind": "fact"}, ("task_kind",), "Extra inputs"),
        ({"name": "aime", "subset": "x"}, ("subset",), "Extra inputs"),
        ({"path": "a.jsonl", "hub": "o/n"}, ("hub",), "Extra inputs"),
        ({"path": "a.jsonl", "data_dir": "."}, ("data_dir",), "Extra inputs"),
        ({"path": "a.jsonl", "revision": "1"}, ("revision",), "Extra inputs"),
        ({"path": "a.jsonl", "task_kind": "physics"}, ("task_kind",), "'fact' or 'math'"),
        ({"path": "a.jsonl", "fields": {"anwser": "x"}}, ("fields", "anwser"), "Extra inputs"),
        ({"path": "a.jsonl", "kind": "fact"}, (), "is `task_kind: fact`"),
        ({"path": "a.jsonl", "kind": "math"}, (), "is `task_kind: math`"),
        ({"hub": "o/n", "kind": "maths"}, (), "is `task_kind: maths`"),
        ({"path": "a.jsonl", "kind": "jsonl"}, ("kind",), "expected one of file, hub, benchmark, toy"),
        ({"name": "aime", "path": "a.jsonl"}, ("name",), "'aime' is a task set of this package"),
        ({"name": "toy", "path": "a.jsonl"}, ("name",), "'toy' is a task set of this package"),
        ({"name": "toy", "limit": 3}, ("split",), "required"),
        ({"name": "toy", "limit": 3, "split": "eval"}, ("split",), "'train', 'dev' or 'test'"),
        ({"name": "toy", "split": "dev"}, ("limit",), "required"),
        ({"name": "toy", "split": "dev", "limit": 3, "data_dir": "."}, ("data_dir",), "Extra inputs"),
        ({"name": "aime", "limit": 0}, ("limit",), "greater than or equal to 1"),
        ({"name": "aime", "shuffle": True}, ("shuffle",), "Extra inputs"),
        ({"limit": 3}, (), "`kind` is missing"),
        ({}, (), "`kind` is missing"),
        (3, (), "expected a mapping"),
    ],
)
def test_keys_that_do_not_fit_are_named(keys: Any, where: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(keys)
    (error,) = caught.value.errors()
    assert error["loc"] == ("tasks", "x", *where)
    assert message in error["msg"]


@pytest.mark.parametrize(
    ("keys", "config"),
    [
        ({"name": "math500"}, BenchmarkConfig),
        ({"name": "hotpotqa", "split": "train", "limit": 5}, BenchmarkConfig),
        ({"kind": "benchmark", "name": "aime"}, BenchmarkConfig),
        ({"name": "toy", "split": "train", "limit": 3}, ToyConfig),
        ({"kind": "toy", "split": "train", "limit": 3}, ToyConfig),
        ({"path": "a.jsonl"}, FileConfig),
        ({"kind": "file", "path": "a.parquet", "name": "mine", "task_kind": "math", "split": "dev"}, FileConfig),
        ({"hub": "o/n", "subset": "x", "revision": "1"}, HubConfig),
    ],
)
def test_keys_imply_the_kind(keys: dict[str, Any], config: type[PartConfig]) -> None:
    found = read(keys)
    assert type(found) is config
    recipe = Recipe(tasks={"x": found})
    assert Recipe.model_validate_json(recipe.model_dump_json(exclude_defaults=True)) == recipe
    assert TypeAdapter(dict[str, Any]).validate_json(recipe.model_dump_json())["tasks"]["x"]["kind"] == found.kind
