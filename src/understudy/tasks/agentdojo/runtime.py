"""Calls functions of a suite on a state, and writes a state as JSON.

In: a state of the package. Out: results and JSON. Worlds and graders both use it. Not here: tools of an agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import JsonValue

from understudy.tasks.agentdojo.data import DojoEntry
from understudy.tasks.agentdojo.package import load_suite, module

_INITIAL = "initial_"
"""Fields that only hold what the state was made of."""


def run_function(entry: DojoEntry, state: Any, name: str, arguments: Mapping[str, JsonValue]) -> object:
    """Call a function by the package's own runtime. Raises what the function raises."""
    return _runtime(entry.suite, entry.version).run_function(state, name, dict(arguments), raise_on_error=True)[0]


def state_json(state: Any) -> dict[str, JsonValue]:
    """A state as JSON, without the fields that it was made of and those that are computed."""
    made: dict[str, JsonValue] = _without_initial(state.model_dump(mode="json", exclude_computed_fields=True))
    return made


def _without_initial(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_initial(each) for key, each in value.items() if not str(key).startswith(_INITIAL)}
    return [_without_initial(each) for each in value] if isinstance(value, list) else value


@cache
def _runtime(suite: str, version: str) -> Any:
    return module("functions_runtime").FunctionsRuntime(load_suite(suite, version).tools)
