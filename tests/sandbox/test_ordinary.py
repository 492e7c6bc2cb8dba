"""Ordinary programs give what plain CPython gives, action by action."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sandbox.programs import PROGRAMS
from understudy.sandbox import Episode, Sandbox

Outcome = list[object]


@pytest.fixture(scope="module")
def expected() -> Mapping[str, list[Outcome]]:
    """What plain CPython says to all programs."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("oracle.py"))],
        input=json.dumps(PROGRAMS),
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[Outcome]] = json.loads(done.stdout)
    return found


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 60


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_as_plain_cpython(name: str, sandbox: Sandbox, expected: Mapping[str, list[Outcome]]) -> None:
    with sandbox.episode(seed=7) as episode:
        executions = [episode.run(code) for code in PROGRAMS[name]]
    assert [[e.printed, e.value, e.error_name] for e in executions] == expected[name]


@pytest.mark.parametrize("name", [name for name in PROGRAMS if "sympy" not in name])
def test_a_branch_gives_the_same_as_a_run(name: str, sandbox: Sandbox, expected: Mapping[str, list[Outcome]]) -> None:
    if "seeded" in name:
        pytest.skip("shown in test_branches")
    with sandbox.episode(seed=7) as episode:
        outcomes = []
        for code in PROGRAMS[name]:
            execution = episode.branch([code])[0]
            episode.commit(execution)
            outcomes.append([execution.printed, execution.value, execution.error_name])
    assert outcomes == expected[name]


def test_nobody_answers_input_and_the_error_says_so(episode: Episode) -> None:
    execution = episode.run("x = int(input('How many? '))")
    assert "input() has nobody to ask here" in execution.error
    assert execution.printed == ""


def test_the_final_answer_is_named_as_the_code_names_it(episode: Episode) -> None:
    assert episode.run("final_answer()").error.startswith("TypeError: final_answer() missing 1 required positional")


def test_errors_name_the_line(episode: Episode) -> None:
    episode.run("def halve(n):\n    return 1 / n")
    execution = episode.run("a = 1\nhalve(0)")
    assert execution.error == (
        "ZeroDivisionError: division by zero\n  line 2: halve(0)\n  line 2 in halve: return 1 / n"
    )


def test_values_as_a_notebook_shows_them(episode: Episode) -> None:
    assert episode.run("'a\\nb'").value == "a\nb"
    assert episode.run("['a']").value == "['a']"
    assert episode.run("import numpy as np\nnp.float64(0.5)").value == "0.5"
    assert episode.run("import sympy\nsympy.Rational(1, 3)").value == "1/3"
    assert episode.run("x = 1").value is None
