"""The teacher of BFCL's tasks: a program that makes the correct calls, as Python code or as JSON calls.

In: a request to a language model, and the sets that its tasks come from. Out: one reply. The messages determine the
task and the turn. Wherever its results are shown, it is labelled a program. It makes errors at a stated rate: it omits
a call or makes it twice. Not here: checking calls (``understudy.grading``).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol

from understudy.python_syntax import parse_expression
from understudy.records import Completion, FinishReason, FunctionCall, Message, Role
from understudy.tasks.bfcl.data import BfclEntry, function_docs, load_set
from understudy.tasks.config import BfclSet

CALLS_A_STEP = 8
_DONE = "Done."
_NOT_YET = "I cannot do that yet: a tool or a value for it is missing."


class TeacherRequest(Protocol):
    """The parts of a model request that the teacher reads."""

    @property
    def messages(self) -> tuple[Message, ...]: ...
    @property
    def seed(self) -> int | None: ...


class UnknownDialogueError(ValueError):
    """The messages belong to none of the tasks that the teacher knows."""


def by_code(
    request: TeacherRequest,
    sets: Sequence[BfclSet] = ("base",),
    calls_a_step: int = CALLS_A_STEP,
    error_rate: float = 0.0,
) -> str:
    """A reply of a code agent, in the form ``code_fence``. Raises ``UnknownDialogueError``."""
    return code_reply(entry_in(request.messages, sets), request, calls_a_step, error_rate)


def code_reply(entry: BfclEntry, request: TeacherRequest, calls_a_step: int, error_rate: float = 0.0) -> str:
    """The same for a known task."""
    ends = ["final_answer(" in one.content for one in _said(request)]
    calls, answer = _next(entry, request, ends, calls_a_step, error_rate)
    code = "\n".join(f"print({call})" for call in calls) or f'final_answer("{answer}")'
    return f"Thought: {_thought(calls) or answer}\nCode:\n```py\n{code}\n```<end_code>"


def by_calls(
    request: TeacherRequest,
    sets: Sequence[BfclSet] = ("base",),
    calls_a_step: int = CALLS_A_STEP,
    error_rate: float = 0.0,
) -> Completion:
    """A reply with JSON tool calls, or with text at the end of a turn. Raises ``UnknownDialogueError``."""
    return call_reply(entry_in(request.messages, sets), request, calls_a_step, error_rate)


def call_reply(entry: BfclEntry, request: TeacherRequest, calls_a_step: int, error_rate: float = 0.0) -> Completion:
    """The same for a known task."""
    ends = [not one.tool_calls for one in _said(request)]
    calls, answer = _next(entry, request, ends, calls_a_step, error_rate)
    made = tuple(as_function_call(call, f"call_{number}") for number, call in enumerate(calls, 1))
    return Completion(text="" if made else answer, finish_reason=FinishReason.STOP, tool_calls=made)


def entry_in(messages: Sequence[Message], sets: Sequence[BfclSet]) -> BfclEntry:
    """The task that a dialogue belongs to. Raises ``UnknownDialogueError``."""
    said = [one.content for one in messages if one.role is Role.USER]
    known = [one for name in sets for one in load_set(name) if said and one.turns[0] in said[0]]
    if not known:
        raise UnknownDialogueError(f"no task of {', '.join(sets)} begins with {said[0][:80] if said else ''!r}")
    later = "\n".join(said)
    return max(known, key=lambda one: sum(turn in later for turn in one.turns) / len(one.turns))


def as_function_call(call: str, call_id: str) -> FunctionCall:
    """A Python call with literal arguments, as a JSON call."""
    node: Any = parse_expression(call)
    arguments = dict(zip(_parameters(node.func.id), map(ast.literal_eval, node.args), strict=False))
    arguments |= {one.arg: ast.literal_eval(one.value) for one in node.keywords}
    return FunctionCall(id=call_id, name=node.func.id, arguments=arguments)


def _next(
    entry: BfclEntry, request: TeacherRequest, ends: Sequence[bool], calls_a_step: int, error_rate: float
) -> tuple[list[str], str]:
    """The calls of the next step; empty if the turn ends with an answer."""
    turn = min(sum(ends), len(entry.truth) - 1)
    n_steps = list(reversed(ends)).index(True) if True in ends else len(ends)
    truth = entry.truth[turn]
    calls = list(truth[n_steps * calls_a_step : (n_steps + 1) * calls_a_step])
    rng = Random(f"{request.seed} {entry.id} {len(ends)}")
    if calls and rng.random() < error_rate:
        at = rng.randrange(len(calls))
        calls = calls[:at] + calls[at + 1 :] if rng.random() < 0.5 else [*calls[: at + 1], *calls[at:]]
    return calls, _DONE if truth else _NOT_YET


def _said(request: TeacherRequest) -> list[Message]:
    return [one for one in request.messages if one.role is Role.ASSISTANT]


def _thought(calls: Sequence[str]) -> str:
    names = [call.partition("(")[0] for call in calls]
    return f"I call {', '.join(names)}." if names else ""


def _parameters(name: str) -> list[str]:
    """Names of a function's parameters, in order."""
    for class_name in _CLASSES:
        for doc in function_docs(class_name):
            if doc["name"] == name:
                return list(doc["parameters"]["properties"])
    raise UnknownDialogueError(f"there is no function {name} in BFCL's multi-turn tasks")


_CLASSES = (
    "GorillaFileSystem",
    "MathAPI",
    "MessageAPI",
    "TicketAPI",
    "TradingBot",
    "TravelAPI",
    "TwitterAPI",
    "VehicleControlAPI",
)
