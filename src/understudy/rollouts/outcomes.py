"""How attempts end: the taxonomy of failures, each with its rules.

In: a trajectory, and its score if there is one. Out: one ``Outcome``; ``RULES`` says of each whether a resumed rollout
tries it again and whether it may be trained on. Not here: the choice among trainable trajectories
(``understudy.curation``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from understudy.records import ParseProblem, Score, StopReason, Trajectory


class Outcome(StrEnum):
    """How an attempt ended, for counting."""

    ANSWERED = "answered"
    """It has an answer that is right or not graded."""
    WRONG_ANSWER = "wrong_answer"
    STEP_LIMIT = "step_limit"
    FORMAT = "format"
    """Out of steps or tokens, and the last reply held no code that could be run."""
    CUT_BY_LENGTH = "cut_by_length"
    """The last reply was cut by the token limit."""
    TOKEN_BUDGET = "token_budget"
    CONTEXT_FULL = "context_full"
    PROVIDER = "provider"
    """The model's server failed."""
    SANDBOX = "sandbox"
    """The sandbox failed."""
    STOPPED = "stopped"
    """The user of a served agent stopped it, or went away."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How attempts with an outcome are treated."""

    is_retried: bool
    """A resumed rollout retries it, and the new record replaces the old one."""
    may_be_trained_on: bool
    is_graded: bool
    """False: neither right nor wrong, and never compared with a reference."""


_MODEL_FAILED = Rule(is_retried=False, may_be_trained_on=False, is_graded=True)
_PROGRAM_FAILED = Rule(is_retried=True, may_be_trained_on=False, is_graded=False)

RULES: Mapping[Outcome, Rule] = MappingProxyType(
    {
        Outcome.ANSWERED: Rule(is_retried=False, may_be_trained_on=True, is_graded=True),
        Outcome.WRONG_ANSWER: _MODEL_FAILED,
        Outcome.STEP_LIMIT: _MODEL_FAILED,
        Outcome.FORMAT: _MODEL_FAILED,
        Outcome.CUT_BY_LENGTH: _MODEL_FAILED,
        Outcome.TOKEN_BUDGET: _MODEL_FAILED,
        Outcome.CONTEXT_FULL: _MODEL_FAILED,
        Outcome.PROVIDER: _PROGRAM_FAILED,
        Outcome.SANDBOX: _PROGRAM_FAILED,
        Outcome.STOPPED: Rule(is_retried=False, may_be_trained_on=False, is_graded=False),
    }
)


def outcome_of(trajectory: Trajectory, score: Score | None = None) -> Outcome:
    """The one outcome of an attempt. Without a score, an answer counts as answered."""
    stop = trajectory.stop_reason
    if stop is StopReason.ANSWERED:
        return Outcome.WRONG_ANSWER if score is not None and score.correct is False else Outcome.ANSWERED
    if stop.is_infrastructure_error or stop is StopReason.STOPPED:
        return Outcome(stop)
    last_problem = trajectory.steps[-1].parse_problem if trajectory.steps else None
    if last_problem is ParseProblem.CUT_BY_LENGTH:
        return Outcome.CUT_BY_LENGTH
    if last_problem is not None and stop is not StopReason.CONTEXT_FULL:
        return Outcome.FORMAT
    return Outcome(stop)
