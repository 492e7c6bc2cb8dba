"""The attempts of a stage and their scores: made, graded, read back.

In: a run's context and a stage that has attempts. Out: ``trajectories.jsonl`` and ``scores.jsonl``, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from understudy.grading import MarksConfig, grade_all
from understudy.grading.marks import MarksGrader
from understudy.pipeline.context import RunContext
from understudy.pipeline.stage import Counts, StageFailedError
from understudy.progress import Progress
from understudy.records import FirstThought, Score, StageRef, Task, Trajectory
from understudy.rollouts import RolloutConfig, RolloutSummary, read_trajectories, rollout
from understudy.run_layout import SCORES, TRAJECTORIES
from understudy.runs import derive_seed, read_jsonl, write_jsonl


def trajectories_path(context: RunContext, ref: StageRef) -> Path:
    """Where the attempts of a stage are."""
    return context.directory.folder(ref) / TRAJECTORIES


def scores_path(context: RunContext, ref: StageRef) -> Path:
    """Where their scores are."""
    return context.directory.folder(ref) / SCORES


def read_graded(context: RunContext, ref: StageRef) -> tuple[list[Trajectory], list[Score]]:
    """The attempts of a stage and their scores."""
    return list(read_trajectories(trajectories_path(context, ref))), list(read_jsonl(scores_path(context, ref), Score))


def write_graded(context: RunContext, ref: StageRef, graded: Sequence[tuple[Trajectory, Score]]) -> None:
    """Write the attempts of a stage and their scores, both whole."""
    write_jsonl(trajectories_path(context, ref), [trajectory for trajectory, _ in graded])
    write_jsonl(scores_path(context, ref), [score for _, score in graded])


def make_attempts(
    context: RunContext,
    ref: StageRef,
    config: RolloutConfig,
    model: str,
    agent: str,
    tasks: Sequence[Task],
    thoughts: Sequence[FirstThought] = (),
) -> Counts:
    """Let an agent attempt tasks, then grade the attempts.

    Raises ``StageFailedError`` if too many attempts ended in infrastructure errors.
    """
    config = config.model_copy(update={"seed": derive_seed(context.recipe.seed, config.seed)})
    with context.build_agent(model, agent, config.engine) as built:
        summary = rollout(
            tasks,
            built,
            trajectories_path(context, ref),
            config,
            first_thoughts=thoughts,
            progress=None if context.quiet else str(ref),
        )
    verdicts = verdict_counts(context, ref, grade_stage(context, ref))
    if summary.n_failed > context.recipe.failures_allowed * summary.n_wanted:
        raise StageFailedError(_failures(context, ref, summary))
    return {
        "attempts": summary.n_wanted,
        **verdicts,
        "completion_tokens": summary.usage.completion_tokens,
    }


def verdict_counts(context: RunContext, ref: StageRef, scores: Sequence[Score]) -> Counts:
    """How many attempts of a stage are right, could not be judged, and failed; replies that were cut, if any were."""
    trajectories = {one.id: one for one in read_trajectories(trajectories_path(context, ref))}
    n_failed = sum(one.stop_reason.is_infrastructure_error for one in trajectories.values())
    n_cut = sum(one.n_cut_replies for one in trajectories.values())
    return {
        "correct": sum(score.correct is True for score in scores),
        "not_graded": sum(score.correct is None for score in scores) - n_failed,
        "failed": n_failed,
        **({"replies_cut_at_a_stop_string": n_cut} if n_cut else {}),
    }


def grade_stage(context: RunContext, ref: StageRef, known: Mapping[str, Score] = MappingProxyType({})) -> list[Score]:
    """Grade all attempts of a stage and write ``scores.jsonl`` whole.

    ``known``: verdicts that stand, by trajectory id, unless a person marked the attempt.
    """
    trajectories = list(read_trajectories(trajectories_path(context, ref)))
    graded = dict(known)
    ungraded = [one for one in trajectories if one.id not in known or _is_marked(context, one)]
    with Progress(f"{ref} grading", len(ungraded), quiet=context.quiet) as progress:
        for score in grade_all(context.grader(), ungraded) if ungraded else ():
            graded[score.trajectory_id] = score
            progress.advance()
    scores = [graded[one.id] for one in trajectories]
    write_jsonl(scores_path(context, ref), scores)
    return scores


def _is_marked(context: RunContext, trajectory: Trajectory) -> bool:
    grader = context.grader() if isinstance(context.recipe.grading, MarksConfig) else None
    return isinstance(grader, MarksGrader) and grader.knows(trajectory)


def _failures(context: RunContext, ref: StageRef, summary: RolloutSummary) -> str:
    failures = (one.failure for one in read_trajectories(trajectories_path(context, ref)) if one.failure is not None)
    first = next(failures, None)
    return (
        f"{ref}: {summary.n_failed} of {summary.n_wanted} attempts ended in infrastructure errors"
        f"{f', such as: {first.kind}: {first.message}' if first else ''}\n"
        "What was done is kept; the same command tries these again."
    )
