"""Arguments of calls against the JSON schemas of their tools.

In: the trajectory's own schemas, or those of a file. Out: faults ``bad_arguments``, ``broken_arguments`` (no JSON
object at all) and ``broken_schema``. Details name keys and expected types, never the values. Nothing is downloaded: a
schema that refers to another address is a broken one. Not here: tools without a schema (``tools``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from understudy.annotations import InputPath
from understudy.curation.cleaning.calls import calls_of, read_tools
from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault, FaultAction
from understudy.records import FunctionCall, ToolSchema, Trajectory
from understudy.runs import digest

_TYPES = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


class ArgumentsConfig(CheckConfig):
    """Drops trajectories with a call whose arguments do not fit the tool's schema."""

    kind: str = "arguments"
    tools: InputPath | None = None
    """A JSON file with today's tool schemas; None: those of each trajectory."""


class ArgumentsCheck(Check):
    """Validates arguments."""

    def __init__(self, config: ArgumentsConfig) -> None:
        self._config = config
        self._of_today = None if config.tools is None else read_tools(config.tools)
        self._validators: dict[str, Any] = {}

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory, at most one a reason."""
        schemas = {one.name: one for one in (trajectory.tools if self._of_today is None else self._of_today)}
        problems: dict[str, list[str]] = {}
        for index, call in calls_of(trajectory):
            reason, what = self._problem(call, schemas.get(call.name))
            if reason:
                problems.setdefault(reason, []).append(f"message {index + 1}: {call.name}{what}")
        for reason, found in problems.items():
            action = FaultAction.COUNT if reason == "broken_schema" else self._config.action
            yield Fault(reason, found[0], action, len(found))

    def _problem(self, call: FunctionCall, schema: ToolSchema | None) -> tuple[str, str]:
        """Reason and details; both are empty for a call that fits."""
        from jsonschema.exceptions import SchemaError, best_match
        from referencing.exceptions import Unresolvable

        if call.broken_arguments:
            return "broken_arguments", ": the arguments are not a JSON object"
        if schema is None:
            return "", ""
        try:
            error = best_match(self._validator(schema).iter_errors(call.arguments))
        except SchemaError as broken:
            return "broken_schema", f": {broken.message:.200}"
        except Unresolvable as missing:
            return "broken_schema", f": refers to what is not in it: {missing.ref!s:.200}"
        return ("", "") if error is None else ("bad_arguments", _in_words(error))

    def _validator(self, schema: ToolSchema) -> Any:
        from jsonschema.validators import Draft202012Validator, validator_for
        from referencing import Registry

        key = digest(schema.parameters)
        if key not in self._validators:
            kind: Any = validator_for(schema.parameters, default=Draft202012Validator)
            kind.check_schema(schema.parameters)
            self._validators[key] = kind(schema.parameters, registry=Registry())
        return self._validators[key]


def _in_words(error: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    wanted = error.validator_value
    match error.validator:
        case "required" | "additionalProperties" | "unevaluatedProperties" | "dependentRequired":
            return f"{where}: {error.message:.200}"
        case "type":
            types = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return f"{where}: expected {types}, got {_type(error.instance)}"
        case "enum":
            return f"{where}: expected one of {wanted!r:.150}, got another value"
    return f"{where}: expected {error.validator} {wanted!r:.100}, got another value"


def _type(value: JsonValue) -> str:
    return _TYPES.get(type(value), "a number")
