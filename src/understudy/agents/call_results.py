"""Makes tool calls: returns results, turns errors into results, and caches results of pure calls.

In: the calls of a reply, the tools. Out: a ``CallResult`` for each call, with its record. Within an attempt, a pure
tool is called once for the same arguments. Several pure calls are made at the same time. Tools with effects are called
in order, every time. Not here: which calls are made (``call_actions.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from understudy.records import ExecutionStatus, FunctionCall, ToolCall
from understudy.sandbox import SandboxError
from understudy.tools import JsonTool, ToolError, result_text

_UNKNOWN_CHARS = 2_000
"""How much of the arguments is recorded if a call names no known tool."""
_AT_ONCE = 16
"""Maximum number of pure calls at the same time."""


class UnknownToolError(ToolError):
    """A call names no known tool."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call."""

    text: str
    """The text that the model reads."""
    record: ToolCall
    status: ExecutionStatus = ExecutionStatus.OK
    error_name: str = ""

    @property
    def failed(self) -> bool:
        return self.status is not ExecutionStatus.OK


@dataclass(slots=True)
class CallMaker:
    """Makes the calls of one attempt."""

    tools: Mapping[str, JsonTool]
    _known: dict[str, CallResult] = field(default_factory=dict)
    """Results of pure calls, by canonical call."""
    _recorded: set[str] = field(default_factory=set)
    """The canonical calls in the history. Calls of rejected candidates are not included."""

    def with_tools(self, tools: Mapping[str, JsonTool]) -> CallMaker:
        """A maker for the same attempt in which these tools replace those of the same names."""
        return CallMaker({**self.tools, **tools}, self._known, self._recorded)

    def is_pure(self, call: FunctionCall) -> bool:
        """Whether the call has no effects, so that every candidate may make it. An invalid call has none either."""
        tool = self.tools.get(call.name)
        if tool is None or tool.pure:
            return True
        try:
            tool.bind(call.arguments)
        except ToolError:
            return True
        return False

    def make(self, calls: Sequence[FunctionCall]) -> list[CallResult]:
        """Results in the order of the calls. Raises ``SandboxError``, also if a tool is unavailable."""
        results: list[CallResult] = []
        for group in _groups(calls, [self.is_pure(call) for call in calls]):
            results += self.ask_at_once(group) if self.is_pure(group[0]) else [self._ask(group[0])]
        return results

    def ask_at_once(self, calls: Sequence[FunctionCall]) -> list[CallResult]:
        """Results of pure calls, each made once. Raises the same errors as ``make``."""
        new = {key: call for call in calls if (key := canonical(call)) not in self._known}
        if len(new) > 1:
            with ThreadPoolExecutor(min(len(new), _AT_ONCE)) as executor:
                asked = dict(zip(new, executor.map(self._ask, new.values()), strict=True))
        else:
            asked = {key: self._ask(call) for key, call in new.items()}
        # Failures are not cached: the same call may succeed next time.
        self._known.update({key: result for key, result in asked.items() if not result.failed})
        return [self._known.get(key) or asked[key] for key in map(canonical, calls)]

    def records(self, calls: Sequence[FunctionCall], results: Sequence[CallResult]) -> tuple[ToolCall, ...]:
        """The records of calls that enter the history. Calls that are already in the history are marked as cached."""
        records = []
        for call, result in zip(calls, results, strict=True):
            key = canonical(call)
            records.append(result.record.model_copy(update={"cached": key in self._recorded}))
            if key in self._known:
                self._recorded.add(key)
        return tuple(records)

    def _ask(self, call: FunctionCall) -> CallResult:
        tool = self.tools.get(call.name)
        record = ToolCall(
            name=call.name,
            arguments=json.dumps(call.arguments, ensure_ascii=False)[: tool.argument_chars if tool else _UNKNOWN_CHARS],
            is_search=tool is not None and tool.is_search,
        )
        try:
            if tool is None:
                raise UnknownToolError(f"there is no tool {call.name!r}; there are {', '.join(self.tools) or 'none'}")
            return CallResult(result_text(tool.call(call.arguments)), record)
        except ToolError as error:
            if isinstance(error, SandboxError):
                raise
            failed_call = record.model_copy(update={"error": str(error)})
            return CallResult(str(error), failed_call, error.status, type(error).__name__)


def canonical(call: FunctionCall) -> str:
    """A text that is equal for calls of the same tool with the same arguments."""
    return f"{call.name} {json.dumps(call.arguments, sort_keys=True, ensure_ascii=False)}"


def _groups(calls: Sequence[FunctionCall], are_pure: Sequence[bool]) -> list[list[FunctionCall]]:
    """Groups of adjacent pure calls; every other call forms its own group."""
    groups: list[list[FunctionCall]] = []
    after_pure = False
    for call, is_pure in zip(calls, are_pure, strict=True):
        if is_pure and after_pure:
            groups[-1].append(call)
        else:
            groups.append([call])
        after_pure = is_pure
    return groups
