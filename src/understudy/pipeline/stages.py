"""What each kind of stage does, from its inputs' files to its own.

In: props and a stage. Out: files in the stage's folder, and counts. Each of these can be killed at any moment and
called again: rollouts append and go on, trainings go on from a checkpoint, the others write whole files at their end.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from understudy.agents import make_first_thoughts
from understudy.curation import curate, write_curated
from understudy.evaluation import measure
from understudy.models.scoring import Scorer
from understudy.pipeline.attempts import (
    Counts,
    StageFailedError,
    grade_stage,
    read_graded,
    trajectories_path,
)
from understudy.pipeline.props import Props
from understudy.pipeline.published import run_published
from understudy.pipeline.repairs import run_repair
from understudy.pipeline.students import prove_student
from understudy.recipe import PublishedStage, StageRef, attempts_named, trained
from understudy.records import FirstThought, Score, StageKind, Task, Trajectory
from understudy.rollouts import RolloutConfig, RolloutSummary, read_trajectories, rollout
from understudy.runs import derive_seed, read_jsonl, write_atomic, write_jsonl
from understudy.tasks import contaminated_questions


def run_stage(props: Props, ref: StageRef) -> Counts:
    """Do one stage and return what came out, by name."""
    match ref.kind:
        case StageKind.ROLLOUT:
            return _run_rollout(props, ref)
        case StageKind.PREFIXES:
            return _run_prefixes(props, ref)
        case StageKind.CURATE:
            return _run_curate(props, ref)
        case StageKind.REPAIR:
            return run_repair(props, ref)
        case StageKind.TRAIN | StageKind.ON_POLICY:
            raise ValueError(f"{ref}: trainings run in processes of their own, see trainings.py")
        case StageKind.EVALUATE:
            return _run_evaluate(props, ref)


def _run_rollout(props: Props, ref: StageRef) -> Counts:
    stage = props.recipe.rollout[ref.name]
    if isinstance(stage, PublishedStage):
        return run_published(props, ref, stage)
    thoughts = () if stage.first_thoughts is None else _first_thoughts(props, stage.first_thoughts)
    return _attempt(props, ref, stage, stage.model, stage.agent, props.all_tasks(stage.tasks), thoughts)


def _run_evaluate(props: Props, ref: StageRef) -> Counts:
    stage = props.recipe.evaluate[ref.name]
    for training in trained(stage.model):
        prove_student(props, training)
    counts = _attempt(props, ref, stage, stage.model, stage.agent, props.all_tasks(stage.tasks), ())
    write_metrics(props, ref)
    return counts


def _attempt(
    props: Props,
    ref: StageRef,
    config: RolloutConfig,
    model: str,
    agent: str,
    tasks: Sequence[Task],
    thoughts: Sequence[FirstThought],
) -> Counts:
    """Let an agent attempt tasks, then grade the attempts."""
    config = config.model_copy(update={"seed": derive_seed(props.recipe.seed, config.seed)})
    with props.cast(model, agent, config.engine) as played:
        summary = rollout(
            tasks,
            played,
            trajectories_path(props, ref),
            config,
            first_thoughts=thoughts,
            progress=None if props.quiet else str(ref),
        )
    scores = grade_stage(props, ref)
    if summary.n_failed > props.recipe.failures_allowed * summary.n_wanted:
        raise StageFailedError(_failures(props, ref, summary))
    return {
        "attempts": summary.n_wanted,
        "correct": sum(score.correct is True for score in scores),
        "failed": summary.n_failed,
        "completion_tokens": summary.usage.completion_tokens,
    }


def _failures(props: Props, ref: StageRef, summary: RolloutSummary) -> str:
    failures = (one.failure for one in read_trajectories(trajectories_path(props, ref)) if one.failure is not None)
    first = next(failures, None)
    return (
        f"{ref}: {summary.n_failed} of {summary.n_wanted} attempts failed for no fault of the model"
        f"{f', such as: {first.kind}: {first.message}' if first else ''}\n"
        "What was done is kept; the same command tries these again."
    )


def write_metrics(props: Props, ref: StageRef) -> None:
    """Measure an evaluation from its files."""
    stage = props.recipe.evaluate[ref.name]
    trajectories, scores = read_graded(props, ref)
    config = props.model_config(stage.model)
    metrics = measure(
        system=stage.label,
        model=trajectories[0].model,
        agent=trajectories[0].agent,
        trajectories=trajectories,
        scores=scores,
        is_program=config.kind == "scripted",
    )
    write_atomic(props.directory.folder(ref) / "metrics.json", metrics.model_dump_json(indent=1) + "\n")


def _run_prefixes(props: Props, ref: StageRef) -> Counts:
    stage = props.recipe.prefixes[ref.name]
    trajectories, scores = read_graded(props, StageRef(kind=StageKind.ROLLOUT, name=stage.rollout))
    made = make_first_thoughts(trajectories, {score.trajectory_id: score for score in scores}, stage)
    write_jsonl(_prefixes_path(props, ref.name), made.thoughts)
    return {"kept": len(made.thoughts), **{f"dropped_{reason}": count for reason, count in made.left_out.items()}}


def _first_thoughts(props: Props, name: str) -> list[FirstThought]:
    return list(read_jsonl(_prefixes_path(props, name), FirstThought))


def _prefixes_path(props: Props, name: str) -> Path:
    return props.directory.folder(StageRef(kind=StageKind.PREFIXES, name=name)) / "prefixes.jsonl"


def _run_curate(props: Props, ref: StageRef) -> Counts:
    stage = props.recipe.curate[ref.name]
    attempts: list[tuple[Trajectory, Score | None, str]] = []
    for name in stage.rollouts:
        taken = attempts_named(name)
        trajectories, scores = read_graded(props, taken)
        by_id = {score.trajectory_id: score for score in scores}
        # Attempts stand in the order in which they ended, which differs from run to run; training must not.
        in_order = sorted(trajectories, key=lambda one: (one.task.id, one.attempt))
        attempts += [(one, by_id.get(one.id), str(taken)) for one in in_order]
    with ExitStack() as stack:
        student = None if stage.student is None else stack.enter_context(Scorer(props.local_config(stage.student)))
        curated = curate(
            attempts,
            stage,
            initial_messages=lambda trajectory: props.opening(stage.agent, trajectory.task),
            student=student,
            contaminated=contaminated_questions(
                [trajectory.task for trajectory, *_ in attempts], {name: props.tasks(name) for name in stage.against}
            ),
        )
    write_curated(curated, props.directory.folder(ref))
    if not curated.examples:
        reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in curated.counts.items())
        raise StageFailedError(f"{ref}: nothing is left to train on; dropped: {reasons or 'no attempts'}")
    dropped = {f"dropped_{reason}": float(count) for reason, count in curated.counts.items()}
    return {"trajectories": len(attempts), "kept": len(curated.examples), **dropped}
