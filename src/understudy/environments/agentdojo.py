"""The worlds of AgentDojo's suites: an environment made of the package's own data and functions.

In: a task of AgentDojo, whose metadata hold the injected texts. Out: an environment whose actions are the suite's
functions, with the package's schemas for JSON calls and short Python signatures for code. Not here: checking an attempt
(``understudy.grading.agentdojo``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from understudy.environments.config import AgentDojoConfig
from understudy.environments.environment import Action, Environment, as_json
from understudy.records import Task, ToolSchema
from understudy.tasks.agentdojo import entry_of, open_state
from understudy.tasks.agentdojo.package import load_suite
from understudy.tasks.agentdojo.runtime import run_function, state_json
from understudy.tools import Tool, ToolError
from understudy.tools.schemas import bound, parameters_of, returned, signature_of

_MAX_CHARS = 200_000
"""Maximum length of a result: that of all e-mails of a suite is far below."""


class AgentDojoEnvironment(Environment):
    """The state of one attempt."""

    def __init__(self, config: AgentDojoConfig, task: Task) -> None:  # noqa: ARG002
        self._entry = entry_of(task)
        self._state = open_state(self._entry)

    def actions(self) -> tuple[Action, ...]:
        """The functions of the suite, in its order."""
        return suite_actions(self._entry.suite, self._entry.version)

    def run(self, name: str, arguments: Mapping[str, JsonValue]) -> object:
        """Call a function of the suite by the package's own runtime. Raises what the function raises."""
        return run_function(self._entry, self._state, name, arguments)

    def state(self) -> Mapping[str, JsonValue]:
        """All of the state, without the fields that it was made of and those that are computed."""
        return state_json(self._state)

    def snapshot(self) -> Any:
        """The state. The task itself never changes."""
        return self._state.model_copy(deep=True)

    def restore(self, snapshot: Any) -> None:
        """A new environment has no task yet, so ``fork`` gives it."""
        self._state = snapshot.model_copy(deep=True)

    def fork(self) -> AgentDojoEnvironment:
        """A copy of the state only."""
        made = AgentDojoEnvironment.__new__(AgentDojoEnvironment)
        made._entry = self._entry
        made._state = self.snapshot()
        return made


@functools.cache
def suite_actions(suite: str, version: str) -> tuple[Action, ...]:
    """The functions of a suite, in its order. Raises ``MissingExtraError``."""
    return tuple(Action(_tool(function)) for function in load_suite(suite, version).tools)


def _tool(function: Any) -> Tool:
    schema = function.parameters.model_json_schema()
    parameters = parameters_of(schema)
    shown = ", ".join(one.written for one in parameters.values())
    notes = [f"{one.name}: {one.about}" for one in parameters.values() if one.about]
    return Tool(
        name=function.name,
        signature=f"({shown}) -> {_returned(function.return_type)}",
        schema=ToolSchema(name=function.name, description=function.description, parameters=schema),
        description="\n".join([function.description, *notes]),
        function=_called(function.name, parameters),
        max_chars=_MAX_CHARS,
    )


def _called(name: str, parameters: Mapping[str, Any]) -> Callable[..., object]:
    def call(environment: AgentDojoEnvironment, *args: JsonValue, **kwargs: JsonValue) -> object:
        try:
            result = environment.run(name, bound(name, parameters, args, kwargs))
        except ToolError:
            raise
        except Exception as error:  # the package's functions raise anything; the model reads it
            raise ToolError(f"{type(error).__name__}: {error}") from error
        return as_json({"result": result})["result"]

    call.__signature__ = signature_of(parameters)  # type: ignore[attr-defined]  # by which calls are recorded
    return call


def _returned(kind: Any) -> str:
    """The type of a result as the prompt shows it; functions of a suite return models, lists of them, or text."""
    if kind is None or kind is type(None):
        return "None"
    try:
        schema = TypeAdapter(kind).json_schema(mode="serialization")
    except PydanticSchemaGenerationError:
        return "Any"
    return returned({"type": "object", "properties": {"result": schema}, "$defs": schema.pop("$defs", {})})
