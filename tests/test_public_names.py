"""The names that users build on: a change here is a change of the package's promise."""

from __future__ import annotations

import subprocess
import sys

import pytest

import understudy

PROMISED = [
    "Attempts",
    "Evaluation",
    "Example",
    "Recipe",
    "Score",
    "Student",
    "Task",
    "Trajectory",
    "clean",
    "compare",
    "compare_all",
    "curate",
    "evaluate",
    "first_thoughts",
    "grade",
    "load_recipe",
    "load_tasks",
    "measure",
    "open_agent",
    "open_grader",
    "open_model",
    "open_retriever",
    "open_sandbox",
    "rollout",
    "run_recipe",
    "tool",
    "train",
]
HEAVY = ("torch", "transformers", "datasets", "faiss", "openai", "math_verify", "tantivy", "starlette")


def test_the_promised_names_are_there() -> None:
    assert understudy.__all__ == PROMISED
    for name in PROMISED:
        assert getattr(understudy, name).__name__ == name
    assert dir(understudy) == PROMISED
    assert understudy.__version__.count(".") == 2


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no name 'open_door'; it has .*open_model"):
        _ = understudy.open_door


MODULES = ("understudy", *(f"understudy.{one}" for one in ("api", "cli", "pipeline", "recipe", "rollouts")))


@pytest.mark.parametrize("module", MODULES)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
