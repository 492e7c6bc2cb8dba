"""The stage ``repair``: a teacher corrects the first wrong step of a student's wrong attempts, and the student
continues. Takes: graded attempts of the student. Writes: ``tries.jsonl``, one line per attempt when it ends, so that a
killed repair resumes; then ``trajectories.jsonl`` and ``scores.jsonl`` of the verified corrections, which a curation
names like a rollout's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from understudy.agents import Agent
from understudy.annotations import AgentRef, AttemptsRef, ModelRef, SpeedOnly
from understudy.curation import Repair as Correction
from understudy.curation import RepairConfig, repair
from understudy.models import Model
from understudy.parallel import map_unordered
from understudy.pipeline.attempts import read_graded, write_graded
from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.stage import Counts, Stage, StageFailedError
from understudy.progress import Progress
from understudy.records import Message, Record, Score, StageRef, Target, Trajectory
from understudy.run_layout import TRIES
from understudy.runs import append_jsonl, read_jsonl

Wrong = tuple[Trajectory, Score]


class RepairStageConfig(RepairConfig):
    """The attempts that are corrected, and the teacher."""

    rollout: AttemptsRef
    """The student's own attempts, of a rollout of this recipe: its model, agent and tasks."""
    teacher: ModelRef
    teacher_agent: AgentRef | None = None
    """The agent whose initial messages the teacher reads; None: it reads the student's."""
    in_flight: Annotated[int, Field(ge=1), SpeedOnly] = 32
    """Attempts that are corrected concurrently."""


class RepairedAttempt(Record):
    """A line of ``tries.jsonl``: all tries at one wrong attempt."""

    trajectory_id: str
    tries: tuple[Correction, ...]

    @property
    def has_failed(self) -> bool:
        """An infrastructure error ended one of its tries, so it is tried again when the stage resumes."""
        return any(one.trajectory.stop_reason.is_infrastructure_error for one in self.tries)


class Repair(Stage[RepairStageConfig]):
    """Let a teacher correct the first wrong step of a student's wrong attempts."""

    kind = "repair"
    provides = Target.ATTEMPTS
    uses = ("retrieval", "tools", "sandbox", "environment", "user", "grading")
    Config: ClassVar = RepairStageConfig

    def run(self) -> Counts:
        path = self.folder / TRIES
        wrong = self._wrong_attempts()
        done = {one.trajectory_id for one in _read_tries(path)}
        todo = [one for one in wrong if one[0].id not in done]
        with Progress(str(self.ref), len(wrong), done=len(done), quiet=self.context.quiet) as progress:
            n_failed = self._repair_all(todo, path, progress) if todo else 0
        if n_failed > self.context.recipe.failures_allowed * len(wrong):
            raise StageFailedError(
                f"{self.ref}: {n_failed} of {len(wrong)} corrections ended in infrastructure errors; run again"
            )
        return {"failed": n_failed, **_keep_verified(self.context, self.ref, wrong, _read_tries(path))}

    @staticmethod
    def problems(config: RepairStageConfig, key: str, recipe: Recipe) -> Iterator[str]:
        """The student must be able to act again from the prompts of its attempts."""
        ref = recipe.names(Target.ATTEMPTS).get(config.rollout)
        attempts = None if ref is None else recipe.config(ref)
        if attempts is not None and not (hasattr(attempts, "model") and hasattr(attempts, "agent")):
            yield f"{key}.rollout: expected attempts of an agent of this recipe; got {config.rollout!r}"
        elif getattr(attempts, "first_thoughts", None) is not None:
            yield f"{key}.rollout: expected attempts without first thoughts; got {config.rollout!r}"

    def _wrong_attempts(self) -> list[Wrong]:
        """Attempts that can be corrected, ordered by their tasks' ids: files of a rollout are in no fixed order."""
        trajectories, scores = read_graded(self.context, self._student_stage)
        wrong = {score.trajectory_id: score for score in scores if score.correct is False}
        found = [(one, wrong[one.id]) for one in trajectories if one.id in wrong]
        return sorted(found, key=lambda pair: pair[0].id)

    @property
    def _student_stage(self) -> StageRef:
        return self.context.stage_named(Target.ATTEMPTS, self.config.rollout)

    def _repair_all(self, todo: list[Wrong], path: Path, progress: Progress) -> int:
        """Append a line for each attempt; return the number of attempts that ended in infrastructure errors."""
        n_failed = 0
        with ExitStack() as stack, append_jsonl(path) as writer:
            for _, repaired in map_unordered(self._open(stack), todo, self.config.in_flight):
                n_failed += repaired.has_failed
                if not repaired.has_failed:
                    writer.write(repaired)
                progress.advance()
        return n_failed

    def _open(self, stack: ExitStack) -> Callable[[Wrong], RepairedAttempt]:
        context, config = self.context, self.config
        rollout = context.recipe.config(self._student_stage)
        names = (rollout.model, config.teacher)
        student, teacher = (stack.enter_context(closing(context.open_model(name))) for name in names)
        grader = context.grader()
        context.agent_with(rollout.agent, student)  # opens what all agents share before there are many threads

        def tries_at(wrong: Wrong) -> RepairedAttempt:
            task = wrong[0].task

            def as_the_teacher_reads(messages: tuple[Message, ...]) -> tuple[Message, ...]:
                students = context.initial_messages(rollout.agent, task)
                teachers = context.initial_messages(config.teacher_agent or rollout.agent, task)
                return messages if students is None or teachers is None else (*teachers, *messages[len(students) :])

            def agent_with(model: Model) -> Agent:
                return context.agent_with(rollout.agent, model)

            reopen = as_the_teacher_reads if config.teacher_agent else None
            tries = repair([wrong], student, teacher, agent_with, grader, config, reopen)
            return RepairedAttempt(trajectory_id=wrong[0].id, tries=tuple(tries))

        return tries_at


def read_tries(context: RunContext, ref: StageRef) -> list[RepairedAttempt]:
    """All tries of a stage."""
    return _read_tries(context.directory.folder(ref) / TRIES)


def _read_tries(path: Path) -> list[RepairedAttempt]:
    return list(read_jsonl(path, RepairedAttempt)) if path.exists() else []


def _keep_verified(context: RunContext, ref: StageRef, wrong: list[Wrong], repaired: list[RepairedAttempt]) -> Counts:
    """Write the verified corrections as attempts and scores, in the order of the attempts."""
    by_id = {one.trajectory_id: one.tries for one in repaired}
    tries = [one for attempt, _ in wrong for one in by_id.get(attempt.id, ())]
    verified = [one for one in tries if one.is_verified]
    write_graded(context, ref, [(one.trajectory, one.score) for one in verified])
    return {
        "wrong": len(wrong),
        "tries": len(tries),
        "other_before": sum(not one.same_before for one in tries),
        "verified": len(verified),
    }
