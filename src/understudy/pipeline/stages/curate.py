"""The stage ``curate``: graded attempts become training examples, with the prompts of one agent or with their own.

Takes: attempts of other stages. Writes: ``examples.jsonl`` and, with a reason each, ``dropped.jsonl``, both whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

from pydantic import Field

from understudy.agents import ReplyForm
from understudy.annotations import AgentRef, AttemptsRef, LocalModelRef, TaskSetRef
from understudy.curation import CurateConfig, curate, write_curated
from understudy.models.scoring import Scorer
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.stage import Counts, Stage, StageFailedError
from understudy.records import Message, Score, Target, Trajectory
from understudy.tasks import contaminated_questions


class CurateStageConfig(CurateConfig):
    """The attempts and the student of a curation."""

    rollouts: tuple[AttemptsRef, ...] = Field(min_length=1)
    """Stages with attempts: a rollout by its name, any other as ``kind/name``."""
    agent: AgentRef | None = None
    """The agent as the student will run it: examples carry its prompts and tools. None: the examples carry those of the
    attempts, as an agent outside this package will send them again.
    """
    student: LocalModelRef | None = None
    """The model whose tokens are counted or whose likelihoods decide, if ``max_tokens`` or ``select`` needs it."""
    against: tuple[TaskSetRef, ...] = ()
    """Test sets; examples that are too similar to their questions are dropped."""


class Curate(Stage[CurateStageConfig]):
    """Choose attempts and make training examples of them."""

    kind = "curate"
    provides = Target.EXAMPLES
    uses = ("retrieval", "tools", "sandbox", "environment")
    Config: ClassVar = CurateStageConfig

    def run(self) -> Counts:
        attempts = self._attempts()
        student = self.config.student
        test_sets = {name: self.context.tasks(name) for name in self.config.against}
        with ExitStack() as stack:
            curated = curate(
                attempts,
                self.config,
                initial_messages=self._initial_messages,
                form=self._form(),
                student=stack.enter_context(Scorer(self.context.local_config(student))) if student else None,
                contaminated=contaminated_questions([trajectory.task for trajectory, *_ in attempts], test_sets),
            )
        write_curated(curated, self.folder)
        if not curated.examples:
            reasons = ", ".join(f"{reason.replace('_', ' ')} {count}" for reason, count in curated.counts.items())
            raise StageFailedError(f"{self.ref}: nothing is left to train on; dropped: {reasons or 'no attempts'}")
        dropped = {f"dropped_{reason}": float(count) for reason, count in curated.counts.items()}
        return {"trajectories": len(attempts), "kept": len(curated.examples), **dropped}

    @staticmethod
    def problems(config: CurateStageConfig, key: str, recipe: Recipe) -> Iterator[str]:  # noqa: ARG004
        """Settings that use a student's tokens or likelihoods need a student."""
        if config.needs_student and config.student is None:
            yield f"{key}.student: is missing: max_tokens and select: lowest_nll look at a student"

    def _initial_messages(self, trajectory: Trajectory) -> tuple[Message, ...] | None:
        agent = self.config.agent
        return None if agent is None else self.context.initial_messages(agent, trajectory.task)

    def _form(self) -> ReplyForm:
        agent = self.config.agent
        return ReplyForm() if agent is None else self.context.runtime().reply_form(self.context.agent_config(agent))

    def _attempts(self) -> list[tuple[Trajectory, Score | None, str]]:
        """Attempts with score and stage, in an order that is the same in every run. Files have them in the order in
        which they ended, which differs from run to run; training data must not.
        """
        attempts: list[tuple[Trajectory, Score | None, str]] = []
        for name in self.config.rollouts:
            taken = self.context.stage_named(Target.ATTEMPTS, name)
            trajectories, scores = read_graded(self.context, taken)
            by_id = {score.trajectory_id: score for score in scores}
            in_order = sorted(trajectories, key=lambda one: (one.task.id, one.attempt))
            attempts += [(one, by_id.get(one.id), str(taken)) for one in in_order]
        return attempts
