"""The grader: a function of a trajectory that says whether the attempt is right, and why."""

from __future__ import annotations

import json
import re

from shop.database import rows
from understudy import Trajectory
from understudy.grading import Judgement


def is_right(trajectory: Trajectory) -> Judgement:
    """Right is the answer of the reference, together with the refunds that the question asks for and no others.

    All attempts share one database, so its ledger does not say which attempt wrote what: the calls are in the record.
    """
    made = [
        json.loads(call.arguments)
        for step in trajectory.steps
        for call in step.tool_calls
        if call.name == "refund" and call.error is None
    ]
    refunded = [next(iter(arguments.values())) for arguments in made]
    wanted = _wanted_refunds(trajectory.task.question)
    if refunded != wanted:
        return Judgement(False, f"refunded {refunded}, expected {wanted}", trajectory.answer)
    answer = (trajectory.answer or "").strip()
    return Judgement(answer == trajectory.task.answer, f"expected {trajectory.task.answer}", answer)


def state_is_right(trajectory: Trajectory) -> Judgement:
    """For dialogues in a world: the verdict comes from the state that the attempt left, and from its last answer.

    ``value``, the partial credit: the share that is right of the orders that were to be treated, and the answer.
    """
    if trajectory.environment is None:
        return Judgement(False, "the attempt left no world")
    asked = (trajectory.task.question, *trajectory.task.turns)
    wanted = {str(number) for question in asked for number in _wanted_refunds(question)}
    paid = set(trajectory.environment.after["refunds"])  # type: ignore[arg-type]
    answer = (trajectory.answer or "").strip()
    treated = {number for question in asked if (number := _asked_for(question))} | paid
    checks = [(number in paid) == (number in wanted) for number in treated] + [answer == trajectory.task.answer]
    said = (
        f"paid back {sorted(paid)}, expected {sorted(wanted)}; answered {answer!r}, expected {trajectory.task.answer!r}"
    )
    return Judgement(all(checks), said, answer, sum(checks) / len(checks))


def _asked_for(question: str) -> str:
    asked = re.match(r"Refund order (\d+)", question)
    return asked[1] if asked else ""


def _wanted_refunds(question: str) -> list[int]:
    number = _asked_for(question)
    return [number for (number,) in rows("SELECT number FROM orders WHERE number = ? AND is_late", number or 0)]
