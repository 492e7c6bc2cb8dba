"""Configs whose keys do not fit together are refused, and the message names the key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from understudy.tasks import Origin, TaskSetConfig


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "no_such_set"}, "name: 'no_such_set' is no benchmark"),
        ({"name": "hotpotqa"}, "split: hotpotqa has train and test, nothing came"),
        ({"name": "aime", "split": "train"}, "split: aime has test, 'train' came"),
        ({"name": "aime", "kind": "fact"}, "kind: has no meaning for 'aime', which is a benchmark task set"),
        ({"name": "aime", "subset": "x"}, "subset: has no meaning"),
        ({"name": "mine", "path": "a.jsonl", "hub": "o/n", "kind": "fact"}, "path, hub: "),
        ({"name": "mine", "path": "a.jsonl"}, "kind: expected one of fact, math"),
        ({"name": "mine", "path": "a.jsonl", "kind": "fact", "data_dir": "."}, "data_dir: has no meaning"),
        ({"name": "mine", "path": "a.jsonl", "kind": "fact", "revision": "1"}, "revision: has no meaning"),
        ({"name": "aime", "path": "a.jsonl", "kind": "fact"}, "name: 'aime' is a task set of this package"),
        ({"name": "toy", "path": "a.jsonl", "kind": "fact"}, "name: 'toy' is a task set of this package"),
        ({"name": "toy", "limit": 3}, "split: expected one of train, dev, test"),
        ({"name": "toy", "split": "dev"}, "limit: expected the number of tasks"),
        ({"name": "toy", "split": "dev", "limit": 3, "data_dir": "."}, "data_dir: has no meaning for 'toy'"),
        ({"name": "aime", "limit": 0}, "limit"),
        ({"name": "aime", "shuffle": True}, "shuffle"),
    ],
)
def test_impossible_combinations_name_the_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TaskSetConfig(**keys)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "origin"),
    [
        ({"name": "math500"}, Origin.BENCHMARK),
        ({"name": "hotpotqa", "split": "train"}, Origin.BENCHMARK),
        ({"name": "toy", "split": "train", "limit": 3}, Origin.TOY),
        ({"name": "mine", "path": "a.jsonl", "kind": "math", "split": "dev"}, Origin.JSONL),
        ({"name": "mine", "hub": "o/n", "kind": "fact", "subset": "x", "revision": "1"}, Origin.HUB),
    ],
)
def test_keys_say_where_the_questions_come_from(keys: dict[str, Any], origin: Origin) -> None:
    config = TaskSetConfig(**keys)
    assert config.origin is origin
    assert TaskSetConfig.model_validate_json(config.model_dump_json(exclude_defaults=True)) == config
