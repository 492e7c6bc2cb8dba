"""The grader of BFCL's multi-turn tasks: runs the package's own checker on the calls of an attempt.

In: a trajectory whose task is BFCL's. Out: a score. An attempt is correct if every turn has the state and the results
that the correct calls give. ``value`` is the share of turns, counted from the first, for which this holds. Other tasks
are graded by ``auto``. Not here: the worlds (``understudy.environments.bfcl``).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.extras import require
from understudy.grading.grader import Judgement
from understudy.grading.own_tasks import OwnTasksGrader
from understudy.records import StopReason, ToolCall, Trajectory
from understudy.tasks.bfcl.data import EXTRA, METADATA_KEY, BfclEntry, entry_of, function_docs

_NUMBERS = itertools.count()
_DETAIL_CHARS = 600
Turns = Sequence[Sequence[Sequence[str]]]
"""The calls as Python, by turn and step."""


class BfclGrader(OwnTasksGrader):
    """Grades BFCL's tasks with BFCL's checker, and all other tasks with ``auto``."""

    name, version, metadata_key = "bfcl", "1 bfcl-eval 2026.3.23", METADATA_KEY

    def judge(self, trajectory: Trajectory) -> Judgement:
        """See the function ``judge``."""
        return judge(trajectory)


def judge(trajectory: Trajectory) -> Judgement:
    """The verdict of BFCL's checker on an attempt."""
    entry = entry_of(trajectory.task)
    turns = calls_by_turn(entry, trajectory)
    n_ended = sum(step.is_final for step in trajectory.steps)
    if trajectory.stop_reason is StopReason.ANSWERED and n_ended >= len(entry.truth):
        found = check(entry, turns)
        if found["valid"]:
            return Judgement(True, f"all {len(entry.truth)} turns are right", trajectory.answer, 1.0)
        why = _explained(found)
    else:
        why = f"the dialogue ended in turn {n_ended + 1} of {len(entry.truth)} ({trajectory.stop_reason.value})"
    n_right = _n_right(entry, turns[:n_ended])
    explanation = f"{n_right} of {len(entry.truth)} turns are right; {why}"
    return Judgement(False, explanation, trajectory.answer, n_right / len(entry.truth))


def check(entry: BfclEntry, turns: Turns, truth: Sequence[Sequence[str]] | None = None) -> Mapping[str, Any]:
    """The result of BFCL's checker. ``truth``: replaces the task's. Raises ``MissingExtraError``."""
    require(EXTRA, "grading: bfcl")
    from bfcl_eval.eval_checker.multi_turn_eval import multi_turn_utils
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import multi_turn_checker

    # The checker stores its objects in its module under this name.
    name = f"understudy_{next(_NUMBERS)}_of"
    question = {"id": entry.id, "initial_config": entry.config, "involved_classes": list(entry.classes)}
    wanted = [list(calls) for calls in (entry.truth if truth is None else truth)]
    made = [[list(step) for step in turn] for turn in turns]
    try:
        found: Mapping[str, Any] = multi_turn_checker(made, wanted, question, f"multi_turn_{entry.set}", name)
    finally:
        space = vars(multi_turn_utils)
        for key in [one for one in list(space) if one.startswith(name)]:
            del space[key]
    return found


def calls_by_turn(entry: BfclEntry, trajectory: Trajectory) -> list[list[list[str]]]:
    """The calls of an attempt that reached its world, by turn and step. Steps without calls are omitted."""
    known = {doc["name"] for name in entry.classes for doc in function_docs(name)} - set(entry.excluded)
    turns: list[list[list[str]]] = [[] for _ in entry.truth]
    for step in trajectory.steps:
        calls = [as_python(call) for call in step.tool_calls if call.name in known]
        if calls and step.turn < len(turns):
            turns[step.turn].append(calls)
    return turns


def as_python(call: ToolCall) -> str:
    """A recorded call in the form that the checker evaluates: with literals only."""
    named = json.loads(call.arguments)
    if set(named) == {"args", "kwargs"}:  # the call did not fit the signature, and fails here too
        args, named = named["args"], named["kwargs"]
    else:
        args = []
    written = [*map(repr, args), *(f"{name}={value!r}" for name, value in named.items())]
    return f"{call.name}({', '.join(written)})"


def _n_right(entry: BfclEntry, turns: Turns) -> int:
    for n_turns in range(1, len(turns) + 1):
        if not check(entry, turns[:n_turns], entry.truth[:n_turns])["valid"]:
            return n_turns - 1
    return len(turns)


def _explained(found: Mapping[str, Any]) -> str:
    kind = str(found["error_type"]).removeprefix("multi_turn:")
    details = found.get("details", {})
    shown = details.get("differences") or details.get("missing_items") or ""
    return f"{kind}: {found['error_message']} {str(shown)[:_DETAIL_CHARS]}".strip()
