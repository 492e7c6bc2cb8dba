"""What a reply does, apart from its wording.

In: a reply, and the form in which its trajectory states actions: tool calls, code, or text alone. Out: an ``Action``.
A call of a final tool, and code that calls ``final_answer``, are final answers. Not here: comparing actions, running
anything.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from understudy.agents.formats import TOOL_CALLS, ActionFormat, recorded_format
from understudy.agents.formats.reasoning import without_reasoning
from understudy.python_syntax import parse_module
from understudy.records import Action, ActionKind, Completion, FinishReason, FunctionCall, Message, Trajectory
from understudy.tools import FINAL_ANSWER

NO_ACTION = "the reply holds no action"


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """Reads the replies of one trajectory."""

    code: ActionFormat | None
    """The form of actions that are code; None: replies call tools, or are text."""
    tools: frozenset[str] = frozenset()
    """Names that count as tools in code."""
    final_tools: frozenset[str] = frozenset({FINAL_ANSWER.name})

    def of_message(self, message: Message) -> Action:
        """The action of a stored reply."""
        if any(call.broken_arguments for call in message.tool_calls):
            return Action(kind=ActionKind.NONE, text="the arguments of a call cannot be read")
        if message.tool_calls:
            return self._of_calls(message.tool_calls)
        if self.code is not None:
            return self._of_code(self.code, message.content, FinishReason.STOP)
        text = without_reasoning(message.content).strip()
        return Action(kind=ActionKind.STOP, text=text) if text else Action(kind=ActionKind.NONE, text=NO_ACTION)

    def of_completion(self, completion: Completion, prefill: str = "") -> Action:
        """The action of a reply as a model returned it. ``prefill``: the beginning that it continued."""
        if completion.call_problem:
            return Action(kind=ActionKind.NONE, text=completion.call_problem)
        content = prefill + completion.text
        if self.code is not None and not completion.tool_calls:
            return self._of_code(self.code, content, completion.finish_reason)
        if completion.finish_reason is FinishReason.LENGTH and not completion.tool_calls:
            return Action(kind=ActionKind.NONE, text="the token limit ended the reply")
        return self.of_message(Message(role="assistant", content=content, tool_calls=completion.tool_calls))

    def _of_calls(self, calls: tuple[FunctionCall, ...]) -> Action:
        final = next((call for call in calls if call.name in self.final_tools), None)
        if final is None:
            return Action(kind=ActionKind.CALL, calls=tuple(call.model_copy(update={"id": ""}) for call in calls))
        return Action(kind=ActionKind.STOP, text=" ".join(str(value) for value in final.arguments.values()))

    def _of_code(self, form: ActionFormat, content: str, finish_reason: FinishReason) -> Action:
        parsed = form.parse(form.complete(content, finish_reason), finish_reason)
        if parsed.code is None:
            return Action(kind=ActionKind.NONE, text=parsed.detail or str(parsed.problem))
        tree = parse_module(parsed.code)
        calls = list(_calls_of(tree, self.tools | self.final_tools))
        final = next((call for call in calls if call.name in self.final_tools), None)
        if final is not None:
            return Action(kind=ActionKind.STOP, text=" ".join(str(value) for value in final.arguments.values()))
        return Action(kind=ActionKind.CALL, calls=tuple(calls), code=ast.unparse(tree))


def reader_of(trajectory: Trajectory, tools: frozenset[str] = frozenset()) -> ReplyReader:
    """The reader for a trajectory's replies. ``tools``: names of tools, where actions are code.

    Raises ``TargetError`` if a user's action format no longer exists.
    """
    last = [trajectory.messages[step.message_index] for step in trajectory.steps if step.is_final]
    final_tools = frozenset(call.name for message in last for call in message.tool_calls) | {FINAL_ANSWER.name}
    runs_code = any(step.execution_status is not None for step in trajectory.steps)
    if trajectory.action_format == TOOL_CALLS or not runs_code:
        return ReplyReader(code=None, final_tools=final_tools)
    return ReplyReader(code=recorded_format(trajectory.action_format), tools=tools, final_tools=final_tools)


def _calls_of(tree: ast.AST, names: frozenset[str]) -> Iterator[FunctionCall]:
    """The calls of known functions, in the order of the text."""
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    for node in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        given: dict[str, JsonValue] = {str(number): _value_of(one) for number, one in enumerate(node.args)}
        given |= {keyword.arg or "**": _value_of(keyword.value) for keyword in node.keywords}
        yield FunctionCall(id="", name=node.func.id if isinstance(node.func, ast.Name) else "", arguments=given)


def _value_of(node: ast.expr) -> JsonValue:
    """A literal that JSON can hold, or the source text."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ast.unparse(node)
    return value if isinstance(value, str | int | float | bool | None) else ast.unparse(node)
