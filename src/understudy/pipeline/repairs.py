"""The stage that repairs: what a student got wrong, a teacher puts right at one step, and the student goes on.

In: a graded rollout of the student. Out: ``tries.jsonl``, a line an attempt as it ends, so that a killed repair goes
on; then ``trajectories.jsonl`` and ``scores.jsonl`` of the verified ones, which a curation names like a rollout's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from understudy.agents import Agent
from understudy.curation import Repair, repair
from understudy.models import Model, open_model
from understudy.parallel import map_unordered
from understudy.pipeline.attempts import Counts, StageFailedError, read_graded, scores_path, trajectories_path
from understudy.pipeline.props import Props
from understudy.progress import Progress
from understudy.recipe import RepairStage, StageRef
from understudy.records import Message, Record, Score, StageKind, Trajectory
from understudy.runs import append_jsonl, read_jsonl, write_jsonl

Wrong = tuple[Trajectory, Score]


class RepairedAttempt(Record):
    """A line of ``tries.jsonl``: all tries at one wrong attempt."""

    trajectory_id: str
    tries: tuple[Repair, ...]

    @property
    def has_failed(self) -> bool:
        """The program failed in one of them: it is tried again when the walk comes by again."""
        return any(one.trajectory.stop_reason.is_program_failure for one in self.tries)


def run_repair(props: Props, ref: StageRef) -> Counts:
    """Do the stage. Raises ``StageFailedError`` where too many tries failed for no fault of the models."""
    stage = props.recipe.repair[ref.name]
    path = props.directory.folder(ref) / "tries.jsonl"
    wrong = _wrong_attempts(props, stage)
    done = {one.trajectory_id for one in _read_tries(path)}
    todo = [one for one in wrong if one[0].id not in done]
    with Progress(str(ref), len(wrong), done=len(done), quiet=props.quiet) as progress:
        n_failed = _repair_all(props, stage, todo, path, progress) if todo else 0
    if n_failed > props.recipe.failures_allowed * len(wrong):
        raise StageFailedError(
            f"{ref}: {n_failed} of {len(wrong)} repairs failed for no fault of the models; run again"
        )
    return {"failed": n_failed, **_keep_verified(props, ref, wrong, _read_tries(path))}


def _wrong_attempts(props: Props, stage: RepairStage) -> list[Wrong]:
    """Attempts that can be repaired, in the order of their tasks' ids: files of a rollout are in no fixed order."""
    trajectories, scores = read_graded(props, StageRef(kind=StageKind.ROLLOUT, name=stage.rollout))
    wrong = {score.trajectory_id: score for score in scores if score.correct is False}
    found = [(one, wrong[one.id]) for one in trajectories if one.id in wrong]
    return sorted(found, key=lambda pair: pair[0].id)


def _repair_all(props: Props, stage: RepairStage, todo: list[Wrong], path: Path, progress: Progress) -> int:
    """Append a line for each attempt; return how many have none because the program failed."""
    n_failed = 0
    with ExitStack() as stack, append_jsonl(path) as writer:
        for _, repaired in map_unordered(_open_repair(props, stage, stack), todo, stage.in_flight):
            n_failed += repaired.has_failed
            if not repaired.has_failed:
                writer.write(repaired)
            progress.advance()
    return n_failed


def _open_repair(props: Props, stage: RepairStage, stack: ExitStack) -> Callable[[Wrong], RepairedAttempt]:
    rollout = props.recipe.acted[stage.rollout]
    student, teacher = (
        stack.enter_context(closing(open_model(props.model_config(name)))) for name in (rollout.model, stage.teacher)
    )
    grader = props.grader()
    props.play(rollout.agent, student)  # opens what all agents share before there are many threads

    def tries_at(wrong: Wrong) -> RepairedAttempt:
        task = wrong[0].task

        def reopen(messages: tuple[Message, ...]) -> tuple[Message, ...]:
            students = props.opening(rollout.agent, task)
            teachers = props.opening(stage.teacher_agent or rollout.agent, task)
            return messages if students is None or teachers is None else (*teachers, *messages[len(students) :])

        def agent_with(model: Model) -> Agent:
            return props.play(rollout.agent, model)

        tries = repair([wrong], student, teacher, agent_with, grader, stage, reopen if stage.teacher_agent else None)
        return RepairedAttempt(trajectory_id=wrong[0].id, tries=tuple(tries))

    return tries_at


def _read_tries(path: Path) -> list[RepairedAttempt]:
    return list(read_jsonl(path, RepairedAttempt)) if path.exists() else []


def _keep_verified(props: Props, ref: StageRef, wrong: list[Wrong], repaired: list[RepairedAttempt]) -> Counts:
    """Write what became right as attempts and scores, in the order of the attempts."""
    by_id = {one.trajectory_id: one.tries for one in repaired}
    tries = [one for attempt, _ in wrong for one in by_id.get(attempt.id, ())]
    verified = [one for one in tries if one.is_verified]
    write_jsonl(trajectories_path(props, ref), [one.trajectory for one in verified])
    write_jsonl(scores_path(props, ref), [one.score for one in verified])
    return {
        "wrong": len(wrong),
        "tries": len(tries),
        "other_before": sum(not one.same_before for one in tries),
        "verified": len(verified),
    }
