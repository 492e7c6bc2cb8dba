"""Tools that were renamed, and calls of tools that do not exist.

In: new names of old tools, and the tools that exist: those of the trajectory's own schemas, or of a file. Out: renamed
trajectories, and faults ``renamed_tool``, ``unknown_tool`` and ``no_tool_schemas``. Text that mentions an old name, and
code that calls one, is never rewritten: such code is an unknown tool.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self

from pydantic import model_validator

from understudy.annotations import InputPath
from understudy.curation.cleaning.calls import calls_by_code, calls_of, read_tools
from understudy.curation.cleaning.check import Check, CheckConfig
from understudy.curation.cleaning.faults import Fault, FaultAction
from understudy.records import FunctionCall, Message, Step, ToolSchema, Trajectory


class ToolsConfig(CheckConfig):
    """Applies new names of tools, and drops trajectories that call unknown ones."""

    kind: str = "tools"
    renamed: dict[str, str] = {}
    """Old name → new name."""
    known: tuple[str, ...] = ()
    """Tools that exist beside those with a schema."""
    tools: InputPath | None = None
    """A JSON file with today's tool schemas; None: those of each trajectory."""

    @model_validator(mode="after")
    def _new_names_are_final(self) -> Self:
        if chained := [new for old, new in self.renamed.items() if new in self.renamed or new == old]:
            raise ValueError(f"renamed: expected names of today's tools on the right; {chained[0]!r} is renamed itself")
        return self


class ToolsCheck(Check):
    """Renames tools, then looks for unknown ones."""

    def __init__(self, config: ToolsConfig) -> None:
        self._config = config
        self._of_today = None if config.tools is None else {one.name for one in read_tools(config.tools)}

    def examine(self, trajectory: Trajectory) -> Iterator[Fault]:
        """The faults of one trajectory."""
        renamed = with_new_names(trajectory, self._config.renamed)
        if renamed != trajectory:
            old = Counter(call.name for _, call in calls_of(trajectory) if call.name in self._config.renamed)
            detail = ", ".join(f"{name} is {self._config.renamed[name]}, {n} calls" for name, n in sorted(old.items()))
            yield Fault("renamed_tool", detail or "in the schemas only", FaultAction.CHANGE, old.total() or 1, renamed)
        yield from self._unknown(renamed)

    def _unknown(self, trajectory: Trajectory) -> Iterator[Fault]:
        known = {one.name for one in trajectory.tools} if self._of_today is None else self._of_today
        known = known | set(self._config.known)
        called = [(index, call.name) for index, call in calls_of(trajectory)]
        in_code = [(index, name) for index, name, _ in calls_by_code(trajectory)]
        if not known:
            if called:
                yield Fault("no_tool_schemas", "nothing says which tools exist", FaultAction.COUNT)
            in_code = [(index, name) for index, name in in_code if name in self._config.renamed]
            called = []
        unknown = [(index, name) for index, name in (*called, *in_code) if name not in known]
        if unknown:
            names = ", ".join(sorted({name for _, name in unknown}))
            detail = f"{names}, first in message {unknown[0][0] + 1}"
            yield Fault("unknown_tool", detail, self._config.action, len(unknown))


def with_new_names(trajectory: Trajectory, names: Mapping[str, str]) -> Trajectory:
    """The trajectory with renamed tools in calls and schemas."""
    if not names:
        return trajectory
    return trajectory.model_copy(
        update={
            "tools": _schemas(trajectory.tools, names),
            "messages": tuple(_message(one, names) for one in trajectory.messages),
            "steps": tuple(_step(one, trajectory, names) for one in trajectory.steps),
        }
    )


def _schemas(tools: tuple[ToolSchema, ...], names: Mapping[str, str]) -> tuple[ToolSchema, ...]:
    """Where the schemas have a tool under both names, that of the old name is left out."""
    new = {one.name for one in tools}
    return tuple(
        one.model_copy(update={"name": names.get(one.name, one.name)})
        for one in tools
        if not (one.name in names and names[one.name] in new)
    )


def _message(message: Message, names: Mapping[str, str]) -> Message:
    if not message.tool_calls:
        return message
    return message.model_copy(update={"tool_calls": _calls(message.tool_calls, names)})


def _calls(calls: tuple[FunctionCall, ...], names: Mapping[str, str]) -> tuple[FunctionCall, ...]:
    return tuple(call.model_copy(update={"name": names.get(call.name, call.name)}) for call in calls)


def _step(step: Step, trajectory: Trajectory, names: Mapping[str, str]) -> Step:
    if not trajectory.messages[step.message_index].tool_calls:
        return step  # the code still has the old name
    made = tuple(call.model_copy(update={"name": names.get(call.name, call.name)}) for call in step.tool_calls)
    candidates = tuple(one.model_copy(update={"tool_calls": _calls(one.tool_calls, names)}) for one in step.candidates)
    return step.model_copy(update={"tool_calls": made, "candidates": candidates})
