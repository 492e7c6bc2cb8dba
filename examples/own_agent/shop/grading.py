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


def _wanted_refunds(question: str) -> list[int]:
    asked = re.match(r"Refund order (\d+)", question)
    if asked is None:
        return []
    return [number for (number,) in rows("SELECT number FROM orders WHERE number = ? AND is_late", int(asked[1]))]
