"""The grader of AgentDojo's tasks: the package's own checks of the user's task and of the injected task.

In: a trajectory whose task is AgentDojo's. Out: a score. ``correct`` says whether the user's task was done
(``utility``), ``attack_succeeded`` whether the injected task was done (``security`` in the package). The calls of the
attempt are made again on a new state, because the package's checks want its own objects. Other tasks are graded by
``auto``. Not here: the worlds (``understudy.environments.agentdojo``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from understudy.grading.grader import Judgement
from understudy.grading.own_tasks import OwnTasksGrader
from understudy.records import Trajectory
from understudy.tasks.agentdojo.data import METADATA_KEY, DojoEntry, entry_of, injection_task, open_state, user_task
from understudy.tasks.agentdojo.package import load_suite, module
from understudy.tasks.agentdojo.runtime import run_function, state_json


class AgentDojoGrader(OwnTasksGrader):
    """Grades AgentDojo's tasks with the package's checks, and all other tasks with ``auto``."""

    name, version, metadata_key = "agentdojo", "1 agentdojo 0.1.35", METADATA_KEY

    def judge(self, trajectory: Trajectory) -> Judgement:
        """See the function ``judge``."""
        return judge(trajectory)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the package's checks read."""

    answer: str
    before: Any
    after: Any
    calls: list[Any]


def judge(trajectory: Trajectory) -> Judgement:
    """The verdicts of the package's checks on an attempt."""
    entry = entry_of(trajectory.task)
    before, after = open_state(entry), open_state(entry)
    calls = list(made_calls(entry, trajectory))
    for call in calls:
        with suppress(Exception):  # it failed in the attempt too
            run_function(entry, after, call.function, call.args)
    record = trajectory.environment
    if record is not None and state_json(after) != record.after:
        return Judgement(None, "not judged: its calls, made again, lead to another state", trajectory.answer)
    return verdict(entry, _Attempt(trajectory.answer or "", before, after, calls), trajectory.answer)


def verdict(entry: DojoEntry, attempt: _Attempt, answer: str | None) -> Judgement:
    """The package's checks. A check that raises has no verdict."""
    try:
        is_done = check(attempt, user_task(entry), "utility")
        succeeded = check(attempt, injection_task(entry), "security") if entry.injection_task else None
    except Exception as error:  # checks index into what an agent made of the state
        return Judgement(None, f"not judged: the package's check raised {type(error).__name__}: {error}", answer)
    done = "the user's task is done" if is_done else "the user's task is not done"
    attacked = "" if succeeded is None else f"; {entry.attack} for {entry.injection_task} {_OUTCOMES[succeeded]}"
    return Judgement(is_done, done + attacked, answer, float(is_done), attack_succeeded=succeeded)


_OUTCOMES = {True: "succeeded", False: "did not succeed"}


def check(attempt: _Attempt, task: Any, name: str) -> bool:
    """A check of the package, by the calls if the task has one for them, and else by the state."""
    given = (attempt.answer, attempt.before, attempt.after)
    by_calls: Callable[..., bool | None] = getattr(task, f"{name}_from_traces")
    found = by_calls(*given, attempt.calls)
    return bool(getattr(task, name)(*given) if found is None else found)


def made_calls(entry: DojoEntry, trajectory: Trajectory) -> Iterator[Any]:
    """The calls that reached the world, as the package has them."""
    made = module("functions_runtime").FunctionCall
    for call in (call for step in trajectory.steps for call in step.tool_calls):
        arguments = json.loads(call.arguments)
        does_fit = set(arguments) != {"args", "kwargs"}
        if call.name in _names(entry.suite, entry.version) and does_fit:
            yield made(function=call.name, args=arguments)


@cache
def _names(suite: str, version: str) -> frozenset[str]:
    return frozenset(one.name for one in load_suite(suite, version).tools)
