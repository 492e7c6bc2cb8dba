"""The recipe's grader: a recorded conversation is right if the shop's question is solved."""

from __future__ import annotations

import json

from shop import is_solved, question_of

from understudy import Trajectory
from understudy.grading import Judgement


def is_right(trajectory: Trajectory) -> Judgement:
    """Log lines say neither the right answer nor what happened in the shop: the calls are in the conversation."""
    question = question_of(trajectory.task.question)
    calls = [call for step in trajectory.steps for call in step.tool_calls if call.name == "refund"]
    refunds = [json.loads(call.arguments).get("number") for call in calls]
    answer = trajectory.answer or ""
    return Judgement(is_solved(question, answer, refunds), f"expected {question.answer}", answer)
