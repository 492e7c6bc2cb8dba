"""Which trajectories are good enough to train on: one small function per filter, and the table that names them. In: a
``Case``: a trajectory, its score, and the curation's settings. Out: None, or the reason against it. A new filter is a
function here, its name in ``Filter`` and a row of ``FILTERS``. Not here: choices that depend on other trajectories
(``selection``, ``duplicates``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from understudy.records import DropReason, ParseProblem, Score, StopReason, TaskKind, Trajectory


class Filter(StrEnum):
    """A condition on trajectories. A trajectory that fails is dropped, with the reason of the first filter that it
    fails.
    """

    CORRECT = "correct"
    PARSEABLE = "parseable"
    """Every reply has an action that can be run."""
    CODE_IN_EVERY_TURN = "code_in_every_turn"
    """Every turn has code or an answer (SimpleTIR calls the others void turns)."""
    ENDED_BY_ITSELF = "ended_by_itself"
    """Answered before the step limit, not because it was asked there."""
    WITHIN_LENGTH = "within_length"
    """At most ``max_tokens`` tokens of the student's tokenizer, prompt included."""
    GROUNDED = "grounded"
    """A factual answer occurs in an observation. Tasks for which the grader does not decide this pass."""
    SEARCHED = "searched"
    """An agent that answers a factual task called a search tool at least once."""
    DEFERRED = "deferred"
    """Of a cascade's attempts only those that its teacher took over. Other agents' attempts pass."""


@dataclass(frozen=True, slots=True)
class Case:
    """One trajectory and the facts that filters may use."""

    trajectory: Trajectory
    score: Score | None
    max_tokens: int | None
    count_tokens: Callable[[], int]
    """Tokens of the trajectory's example."""


Against = tuple[str, str] | None
"""The reason against a trajectory, and its details."""


def why_dropped(case: Case, filters: Iterable[Filter]) -> Against:
    """The first reason against a trajectory, in the order of ``filters``.

    An infrastructure error is always a reason.
    """
    trajectory = case.trajectory
    if trajectory.failure is not None or trajectory.stop_reason.is_infrastructure_error:
        detail = trajectory.failure.message if trajectory.failure else str(trajectory.stop_reason)
        return DropReason.INFRASTRUCTURE_ERROR, detail
    return next((against for one in filters if (against := FILTERS[one](case)) is not None), None)


def _correct(case: Case) -> Against:
    score = case.score
    if score is None:
        return DropReason.NOT_SCORED, "it has no score"
    if score.correct is None:
        return DropReason.NOT_SCORED, score.explanation
    if not score.correct:
        expected = case.trajectory.task.answer
        stated = f"answer {case.trajectory.answer!r}, expected {expected!r}"
        return DropReason.INCORRECT, score.explanation if expected is None and score.explanation else stated
    return None


def _parseable(case: Case) -> Against:
    for number, step in enumerate(case.trajectory.steps, 1):
        if step.parse_problem is not None:
            return DropReason.UNPARSEABLE_STEP, f"step {number}: {step.parse_problem}"
    return None


def _code_in_every_turn(case: Case) -> Against:
    for number, step in enumerate(case.trajectory.steps, 1):
        if step.parse_problem in (ParseProblem.NO_CODE, ParseProblem.EMPTY) and not step.is_final:
            return DropReason.TURN_WITHOUT_CODE, f"step {number}: {step.parse_problem}"
    return None


def _ended_by_itself(case: Case) -> Against:
    trajectory = case.trajectory
    if trajectory.stop_reason is not StopReason.ANSWERED:
        return DropReason.STEP_LIMIT, str(trajectory.stop_reason)
    return (DropReason.STEP_LIMIT, "answered only when asked at the limit") if trajectory.answer_was_asked else None


def _within_length(case: Case) -> Against:
    if case.max_tokens is None or (n_tokens := case.count_tokens()) <= case.max_tokens:
        return None
    return DropReason.TOO_LONG, f"{n_tokens} tokens, at most {case.max_tokens}"


def _grounded(case: Case) -> Against:
    if case.score is not None and case.score.grounded is False:
        return DropReason.UNGROUNDED, "no observation contains the answer"
    return None


def _searched(case: Case) -> Against:
    acts = case.trajectory.agent != "chain_of_thought"
    if case.trajectory.task.kind is not TaskKind.FACT or not acts:
        return None
    calls = [call for step in case.trajectory.steps for call in step.tool_calls]
    if any(call.is_search for call in calls):
        return None
    return DropReason.NO_SEARCH, f"called {sorted({call.name for call in calls})}"


def _deferred(case: Case) -> Against:
    cascade = case.trajectory.cascade
    if cascade is None or cascade.is_deferred:
        return None
    return DropReason.NOT_DEFERRED, f"the student was sure: {cascade.signal} {cascade.value:.4g}"


FILTERS: Mapping[Filter, Callable[[Case], Against]] = {
    Filter.CORRECT: _correct,
    Filter.PARSEABLE: _parseable,
    Filter.CODE_IN_EVERY_TURN: _code_in_every_turn,
    Filter.ENDED_BY_ITSELF: _ended_by_itself,
    Filter.WITHIN_LENGTH: _within_length,
    Filter.GROUNDED: _grounded,
    Filter.SEARCHED: _searched,
    Filter.DEFERRED: _deferred,
}
