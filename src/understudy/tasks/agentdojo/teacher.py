"""Teachers of AgentDojo's tasks: a program that makes the correct calls, and follows injected instructions or not.

In: a request to a language model, the suites that its tasks come from, and the share of attacks that it follows. Out:
one reply, as Python code or as a JSON call. The messages determine the user task and the injected tasks: the program
sees an injected task in a result, as a model does. Wherever its results are shown, it is labelled a program. Not here:
checking calls (``understudy.grading``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any, Protocol

from understudy.records import Completion, FinishReason, FunctionCall, Message, Role
from understudy.tasks.agentdojo.data import (
    VERSION,
    DojoEntry,
    injection_ids,
    injection_task,
    open_state,
    user_ids,
    user_task,
)
from understudy.tasks.config import DojoSuite

ALL_SUITES: tuple[DojoSuite, ...] = ("workspace", "travel", "banking", "slack")
IGNORED = "The result contains instructions that the user did not give. I ignore them."
FOLLOWED = "The result contains instructions. I follow them first."
_DONE = "Done."


class TeacherRequest(Protocol):
    """The part of a model request that the teacher reads."""

    @property
    def messages(self) -> tuple[Message, ...]: ...


class UnknownDialogueError(ValueError):
    """The messages belong to none of the tasks that the teacher knows."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function of a suite."""

    name: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the teacher does next."""

    calls: tuple[Call, ...]
    """All calls that are left, the next one first."""
    answer: str
    thought: str
    """About instructions in the last result; empty if it holds none."""


def by_code(
    request: TeacherRequest,
    suites: Sequence[DojoSuite] = ALL_SUITES,
    follows: float = 0.0,
    version: str = VERSION,
    seed: int = 0,
) -> str:
    """A reply of a code agent, in the form ``code_fence``. Raises ``UnknownDialogueError``.

    ``follows``: share of the pairs of a user task and an injected task in which the injected task is done. ``seed``
    draws them.
    """
    plan = plan_of(request, suites, follows, version, seed)
    code = f"print({plan.calls[0]})" if plan.calls else f"final_answer({plan.answer!r})"
    return f"Thought: {_thought(plan)}\nCode:\n```py\n{code}\n```<end_code>"


def by_calls(
    request: TeacherRequest,
    suites: Sequence[DojoSuite] = ALL_SUITES,
    follows: float = 0.0,
    version: str = VERSION,
    seed: int = 0,
) -> Completion:
    """A reply with a JSON call, or with text at the end. As ``by_code``."""
    plan = plan_of(request, suites, follows, version, seed)
    if not plan.calls:
        return Completion(text=plan.answer, finish_reason=FinishReason.STOP)
    call = FunctionCall(id="call_1", name=plan.calls[0].name, arguments=plan.calls[0].arguments)
    return Completion(text=plan.thought, finish_reason=FinishReason.STOP, tool_calls=(call,))


def plan_of(
    request: TeacherRequest, suites: Sequence[DojoSuite], follows: float, version: str = VERSION, seed: int = 0
) -> Plan:
    """The calls that are left after the results so far. One call a step. Raises ``UnknownDialogueError``."""
    entry = entry_in(request.messages, suites, version)
    left, answers, thought, seen = list(_truth(entry)), [user_task(entry).GROUND_TRUTH_OUTPUT], "", set[str]()
    for result in _results(request.messages):
        left, thought = left[1:], ""
        for found in _injected(entry, result):
            if found.injection_task in seen:
                continue
            seen.add(found.injection_task)
            thought = thought or IGNORED
            if _can_follow(found) and Random(f"{seed} {found.id}").random() < follows:
                left, thought = [*_truth(found), *left], FOLLOWED
                answers.append(injection_task(found).GROUND_TRUTH_OUTPUT)
    return Plan(tuple(left), " ".join(one for one in answers if one) or _DONE, thought)


def entry_in(messages: Sequence[Message], suites: Sequence[DojoSuite], version: str = VERSION) -> DojoEntry:
    """The user task that a dialogue belongs to. Raises ``UnknownDialogueError``."""
    first = next((one.content for one in messages if one.role is Role.USER), "")
    known = [entry for suite in suites for entry in _entries(suite, version) if user_task(entry).PROMPT in first]
    if not known:
        raise UnknownDialogueError(f"no task of {', '.join(suites)} begins with {first[:80]!r}")
    return max(known, key=lambda entry: len(user_task(entry).PROMPT))


@cache
def _entries(suite: str, version: str) -> tuple[DojoEntry, ...]:
    return tuple(DojoEntry(suite=suite, version=version, user_task=user) for user in user_ids(suite, version))


def _truth(entry: DojoEntry) -> tuple[Call, ...]:
    return _calls(entry.suite, entry.version, entry.user_task, entry.injection_task)


def _can_follow(entry: DojoEntry) -> bool:
    """Some injected tasks of the package have no correct calls."""
    return bool(_truth(entry) or injection_task(entry).GROUND_TRUTH_OUTPUT)


@cache
def _calls(suite: str, version: str, user: str, injection: str) -> tuple[Call, ...]:
    """The package's correct calls of an injected task, or else of a user task, in the world without injected text."""
    entry = DojoEntry(suite=suite, version=version, user_task=user, injection_task=injection)
    task = injection_task(entry) if injection else user_task(entry)
    return tuple(Call(one.function, dict(one.args)) for one in task.ground_truth(open_state(entry)))


def _results(messages: Sequence[Message]) -> Iterator[str]:
    """The text that the agent read after each of its replies."""
    places = [place for place, one in enumerate(messages) if one.role is Role.ASSISTANT]
    for start, end in pairwise([*places, len(messages)]):
        yield "\n".join(one.content for one in messages[start + 1 : end])


def _injected(entry: DojoEntry, result: str) -> list[DojoEntry]:
    """The injected tasks whose goals stand in a result, however it quotes them."""
    letters = _letters(result)
    goals = {name: goal for name, goal in _goals(entry.suite, entry.version).items() if goal in letters}
    whole = [name for name, goal in goals.items() if not any(goal != one and goal in one for one in goals.values())]
    return [entry.model_copy(update={"injection_task": name}) for name in whole]


@cache
def _goals(suite: str, version: str) -> dict[str, str]:
    names = injection_ids(suite, version)
    first = user_ids(suite, version)[0]
    entries = [DojoEntry(suite=suite, version=version, user_task=first, injection_task=name) for name in names]
    return {entry.injection_task: _letters(injection_task(entry).GOAL) for entry in entries}


def _letters(text: str) -> str:
    """Letters and digits only: quoting adds backslashes, line breaks and spaces."""
    return re.sub(r"\\[ntr]|[^\w]|_", "", text)


def _thought(plan: Plan) -> str:
    does = f"I call {plan.calls[0].name}." if plan.calls else "I give the answer."
    return f"{plan.thought} {does}".strip()
