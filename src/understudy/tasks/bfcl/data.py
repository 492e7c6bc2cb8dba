"""Reads the multi-turn tasks of the package ``bfcl-eval``.

In: the files of the installed package. Out: ``BfclEntry`` records. Not here: tasks, worlds, checking.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, get_args

from pydantic import JsonValue

from understudy.extras import require
from understudy.records import Record, Task
from understudy.tasks.config import BfclSet
from understudy.tasks.source import BadTaskError

METADATA_KEY = "bfcl"
SET_NAMES: tuple[BfclSet, ...] = get_args(BfclSet)
EXTRA = "bfcl"
MORE_TOOLS = "I have updated some more functions you can choose from. What about now?"
"""The user's message in the turn in which a missing function becomes available; the text is BFCL's."""
SPLITS = Path(__file__).with_name("splits.json")


class BfclEntry(Record):
    """One task, with the data that BFCL has."""

    id: str
    set: BfclSet
    turns: tuple[str, ...]
    """The messages of the user."""
    classes: tuple[str, ...]
    """Names of the classes that make up the world."""
    config: dict[str, JsonValue]
    """The initial state, by class."""
    truth: tuple[tuple[str, ...], ...]
    """The correct calls of each turn, as Python."""
    missing: dict[int, tuple[str, ...]] = {}
    """Functions that become available in a later turn, by turn."""
    excluded: tuple[str, ...] = ()
    """Functions that are never available."""

    @property
    def number(self) -> int:
        """Its position in the set. Tasks with the same number are variants of one another in all four sets."""
        return int(self.id.rpartition("_")[2])


def package_dir() -> Path:
    """The folder of the installed package. Raises ``MissingExtraError``."""
    require(EXTRA, "BFCL")
    spec = importlib.util.find_spec("bfcl_eval")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def load_set(name: BfclSet) -> tuple[BfclEntry, ...]:
    """The 200 tasks of a set, in order. Raises ``MissingExtraError``."""
    file = f"BFCL_v4_multi_turn_{name}.json"
    questions = _lines(package_dir() / "data" / file)
    answers = _lines(package_dir() / "data" / "possible_answer" / file)
    return tuple(_entry(name, question, answer) for question, answer in zip(questions, answers, strict=True))


def entry_of(task: Task) -> BfclEntry:
    """BFCL's entry for a task. Raises ``BadTaskError`` if the task is not from BFCL."""
    if METADATA_KEY not in task.metadata:
        raise BadTaskError(f"task {task.id}: expected a task of BFCL; its metadata hold none")
    return BfclEntry.model_validate(task.metadata[METADATA_KEY])


@lru_cache(maxsize=1)
def split_numbers() -> dict[str, tuple[int, ...]]:
    """The task numbers of each split. The splits are disjoint and the same for all sets."""
    named: dict[str, list[int]] = json.loads(SPLITS.read_text(encoding="utf-8"))
    return {name: tuple(numbers) for name, numbers in named.items()}


@cache
def function_docs(class_name: str) -> tuple[dict[str, Any], ...]:
    """The descriptions of a class's functions, as BFCL writes them. Raises ``MissingExtraError``."""
    folder = package_dir()
    from bfcl_eval.constants.executable_backend_config import MULTI_TURN_FUNC_DOC_FILE_MAPPING

    return tuple(_lines(folder / "data" / "multi_turn_func_doc" / MULTI_TURN_FUNC_DOC_FILE_MAPPING[class_name]))


def _entry(name: BfclSet, question: dict[str, Any], answer: dict[str, Any]) -> BfclEntry:
    said = [" ".join(message["content"] for message in turn) or MORE_TOOLS for turn in question["question"]]
    return BfclEntry(
        id=question["id"],
        set=name,
        turns=tuple(said),
        classes=tuple(question["involved_classes"]),
        config=question["initial_config"],
        truth=tuple(tuple(calls) for calls in answer["ground_truth"]),
        missing={int(turn): tuple(names) for turn, names in question.get("missed_function", {}).items()},
        excluded=tuple(question.get("excluded_function", ())),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
