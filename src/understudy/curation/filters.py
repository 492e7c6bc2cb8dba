"""Why a trajectory is not good enough to be learnt from.

In: a trajectory, its score, the config. Out: the first filter that it fails, as a ``Dropped``, or None.
Not here: the length filter, which counts tokens of the example (``curation``), and what depends on
other trajectories (``selection``, ``duplicates``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from understudy.curation.config import CurateConfig, Filter
from understudy.records import Dropped, DropReason, ParseProblem, Score, StopReason, TaskKind, Trajectory

Against = tuple[DropReason, str] | None
"""What speaks against a trajectory, and the detail of it."""


def why_dropped(trajectory: Trajectory, score: Score | None, config: CurateConfig) -> Dropped | None:
    """Return the first reason against this trajectory in the order of ``config.filters``.

    A failure of the program is a reason whatever the filters are.
    """
    if trajectory.failure is not None or trajectory.stop_reason.is_program_failure:
        detail = trajectory.failure.message if trajectory.failure else str(trajectory.stop_reason)
        return Dropped(trajectory_id=trajectory.id, reason=DropReason.PROGRAM_FAILURE, detail=detail)
    for name in config.filters:
        against = CHECKS[name](trajectory, score, config) if name in CHECKS else None
        if against is not None:
            reason, detail = against
            return Dropped(trajectory_id=trajectory.id, reason=reason, detail=detail)
    return None


def _incorrect(trajectory: Trajectory, score: Score | None, _config: CurateConfig) -> Against:
    if score is None:
        return DropReason.NOT_SCORED, "no score lies beside it"
    if score.correct is None:
        return DropReason.NOT_SCORED, score.explanation
    if not score.correct:
        return DropReason.INCORRECT, f"answer {trajectory.answer!r}, expected {trajectory.task.answer!r}"
    return None


def _unparseable(trajectory: Trajectory, _score: Score | None, _config: CurateConfig) -> Against:
    for number, step in enumerate(trajectory.steps, 1):
        if step.parse_problem is not None:
            return DropReason.UNPARSEABLE_STEP, f"step {number}: {step.parse_problem}"
    return None


def _void_turn(trajectory: Trajectory, _score: Score | None, _config: CurateConfig) -> Against:
    for number, step in enumerate(trajectory.steps, 1):
        if step.parse_problem in (ParseProblem.NO_CODE, ParseProblem.EMPTY) and not step.is_final:
            return DropReason.VOID_TURN, f"step {number}: {step.parse_problem}"
    return None


def _stopped(trajectory: Trajectory, _score: Score | None, _config: CurateConfig) -> Against:
    if trajectory.stop_reason is not StopReason.ANSWERED:
        return DropReason.STEP_LIMIT, str(trajectory.stop_reason)
    return (DropReason.STEP_LIMIT, "answered only when asked at the limit") if trajectory.answer_was_asked else None


def _ungrounded(_trajectory: Trajectory, score: Score | None, _config: CurateConfig) -> Against:
    if score is not None and score.grounded is False:
        return DropReason.UNGROUNDED, "no observation contains the answer"
    return None


def _without_search(trajectory: Trajectory, _score: Score | None, config: CurateConfig) -> Against:
    acts = trajectory.agent != "chain_of_thought"
    if trajectory.task.kind is not TaskKind.FACT or not acts:
        return None
    called = {call.name for step in trajectory.steps for call in step.tool_calls}
    return None if called & set(config.search_tools) else (DropReason.NO_SEARCH, f"called {sorted(called)}")


CHECKS: Mapping[Filter, Callable[[Trajectory, Score | None, CurateConfig], Against]] = {
    Filter.CORRECT: _incorrect,
    Filter.PARSEABLE: _unparseable,
    Filter.NO_VOID_TURN: _void_turn,
    Filter.ENDED_BY_ITSELF: _stopped,
    Filter.GROUNDED: _ungrounded,
    Filter.SEARCHED: _without_search,
}
"""All but the length, which is a fact about the example."""
