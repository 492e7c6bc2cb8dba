"""The taxonomy: one outcome for every attempt, one rule for every outcome."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.records import Message, ParseProblem, Role, Score, Step, StopReason, Task, TaskKind, Trajectory
from understudy.rollouts import RULES, Outcome, outcome_of


def ended(stop: StopReason, last: ParseProblem | None = None) -> Trajectory:
    return Trajectory(
        task=Task(id="t", question="q", answer="a", kind=TaskKind.FACT, source="s"),
        agent="code_agent",
        model="m",
        seed=0,
        messages=(Message(role=Role.USER, content="q"), Message(role=Role.ASSISTANT, content="x")),
        steps=(Step(message_index=1, parse_problem=last),),
        stop_reason=stop,
        answer="a" if stop is StopReason.ANSWERED else None,
    )


def score(correct: bool | None) -> Score:
    return Score(trajectory_id="t#0", grader="g", grader_version="1", correct=correct)


@given(st.sampled_from(StopReason), st.sampled_from([None, *ParseProblem]), st.sampled_from([None, True, False]))
def test_every_end_has_an_outcome_and_a_rule(stop: StopReason, last: ParseProblem | None, correct: bool | None) -> None:
    outcome = outcome_of(ended(stop, last), None if correct is None else score(correct))
    assert RULES[outcome].is_retried == stop.is_infrastructure_error
    assert RULES[outcome].is_graded != (stop.is_infrastructure_error or stop is StopReason.STOPPED)
    if RULES[outcome].may_be_trained_on:
        assert stop is StopReason.ANSWERED
        assert correct is not False


def test_rules_are_complete() -> None:
    assert set(RULES) == set(Outcome)


@pytest.mark.parametrize(
    ("stop", "last", "outcome"),
    [
        (StopReason.STEP_LIMIT, None, Outcome.STEP_LIMIT),
        (StopReason.STEP_LIMIT, ParseProblem.NO_CODE, Outcome.FORMAT),
        (StopReason.TOKEN_BUDGET, ParseProblem.SYNTAX_ERROR, Outcome.FORMAT),
        (StopReason.STEP_LIMIT, ParseProblem.CUT_BY_LENGTH, Outcome.CUT_BY_LENGTH),
        (StopReason.CUT_BY_LENGTH, None, Outcome.CUT_BY_LENGTH),
        (StopReason.PROVIDER, ParseProblem.NO_CODE, Outcome.PROVIDER),
        (StopReason.STOPPED, ParseProblem.NO_CODE, Outcome.STOPPED),
    ],
)
def test_how_failures_are_named(stop: StopReason, last: ParseProblem | None, outcome: Outcome) -> None:
    assert outcome_of(ended(stop, last)) is outcome


def test_only_a_score_makes_an_answer_wrong() -> None:
    assert outcome_of(ended(StopReason.ANSWERED)) is Outcome.ANSWERED
    assert outcome_of(ended(StopReason.ANSWERED), score(None)) is Outcome.ANSWERED
    assert outcome_of(ended(StopReason.ANSWERED), score(False)) is Outcome.WRONG_ANSWER
