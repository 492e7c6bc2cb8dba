"""The calls of a trajectory and what came of them.

In: a trajectory. Out: its calls, its results, whether each is an error as far as the trajectory says. For replies that
call tools, these are the calls of the messages; for code, those that its steps state.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from understudy.records import ExecutionStatus, FunctionCall, Role, ToolSchema, Trajectory
from understudy.runs import BadRecordError, explain


@dataclass(frozen=True, slots=True)
class Result:
    """What the model read after an action."""

    message_index: int
    text: str
    is_error: bool
    """The trajectory itself says so."""


def calls_of(trajectory: Trajectory) -> Iterator[tuple[int, FunctionCall]]:
    """The calls in messages, each with the index of its message."""
    for index, message in enumerate(trajectory.messages):
        for call in message.tool_calls:
            yield index, call


def calls_by_code(trajectory: Trajectory) -> Iterator[tuple[int, str, str]]:
    """Message, tool and arguments of calls that code made."""
    for step in trajectory.steps:
        if not trajectory.messages[step.message_index].tool_calls:
            yield from ((step.message_index, call.name, call.arguments) for call in step.tool_calls)


def results_of(trajectory: Trajectory) -> Iterator[Result]:
    """The results of calls and of code, in order."""
    failed = set(_failed_calls(trajectory))
    for index, message in enumerate(trajectory.messages):
        if message.role is Role.TOOL:
            yield Result(index, message.content, message.tool_call_id in failed)
    for step in trajectory.steps:
        if step.execution_status is not None and not trajectory.messages[step.message_index].tool_calls:
            yield Result(step.message_index + 1, "", step.execution_status is not ExecutionStatus.OK)


def _failed_calls(trajectory: Trajectory) -> Iterator[str]:
    for step in trajectory.steps:
        called = trajectory.messages[step.message_index].tool_calls
        if len(called) == len(step.tool_calls):
            yield from (call.id for call, made in zip(called, step.tool_calls, strict=True) if made.error is not None)


def read_tools(path: Path) -> tuple[ToolSchema, ...]:
    """Schemas from a JSON file: a list of schemas, or of OpenAI's ``tools``. Raises ``BadRecordError``."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadRecordError(f"{path}: expected a JSON list of tool schemas; {error}") from None
    if not isinstance(found, list):
        raise BadRecordError(f"{path}: expected a JSON list of tool schemas; got {type(found).__name__}")
    return tuple(_schema(one, f"{path}, tool {number}") for number, one in enumerate(found, 1))


def _schema(value: object, place: str) -> ToolSchema:
    inner = value.get("function", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        raise BadRecordError(f"{place}: expected a tool schema with name and parameters; got {value!r:.80}")
    known = {key: inner[key] for key in ("name", "description", "parameters") if inner.get(key)}
    try:
        return ToolSchema.model_validate(known)
    except ValidationError as error:
        raise BadRecordError(f"{place}: expected a tool schema; {explain(error, 'tool')}") from None
