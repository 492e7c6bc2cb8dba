"""The stage ``dpo``: a student learns to prefer a teacher's verified correction to the wrong step that it replaced.

Takes: the tries of a ``repair`` stage and a student. Writes: ``pairs.jsonl`` before it trains, then as ``train`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from understudy.annotations import AttemptsRef, LocalModelRef, SpeedOnly
from understudy.curation.preferences import preference_pairs
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.stage import Counts, StageFailedError
from understudy.pipeline.stages.repair import Repair, RepairStageConfig, read_tries
from understudy.pipeline.trainings import TrainingStage
from understudy.records import Message, PreferencePair, Target, ToolSchema
from understudy.run_layout import PAIRS
from understudy.runs import read_jsonl, write_jsonl
from understudy.training import DpoConfig, DpoJob


class DpoStageConfig(DpoConfig):
    """The corrected steps and the student."""

    corrections: AttemptsRef
    """A ``repair`` stage, as ``repair/name``."""
    student: LocalModelRef
    launcher: Annotated[tuple[str, ...], SpeedOnly] = ()
    """Command before ``-m understudy.training``, as in ``train``."""


class Dpo(TrainingStage[DpoStageConfig]):
    """Train a student on preference pairs: a verified correction against the wrong step."""

    kind = "dpo"
    starts_from = "student"
    Config: ClassVar = DpoStageConfig

    @property
    def launcher(self) -> tuple[str, ...]:
        return self.config.launcher

    def job(self) -> DpoJob:
        """Write the pairs. Raises ``StageFailedError`` if there are none."""
        counts = self._write_pairs()
        if not counts["pairs"]:
            dropped = ", ".join(f"{name.removeprefix('dropped_')} {n:g}" for name, n in counts.items() if n)
            raise StageFailedError(f"{self.ref}: {self.config.corrections} gives no preference pair ({dropped})")
        return DpoJob(
            pairs=self.folder / PAIRS,
            student=self.context.weights(self.config.student),
            config=self.training_config(DpoConfig),
        )

    def prompts(self) -> Iterator[tuple[tuple[Message, ...], tuple[ToolSchema, ...]]]:
        return ((pair.messages, pair.tools) for pair in read_jsonl(self.folder / PAIRS, PreferencePair))

    def data_counts(self) -> Counts:
        return self._write_pairs()

    def _write_pairs(self) -> Counts:
        repair = self.context.stage_named(Target.ATTEMPTS, self.config.corrections)
        rollout = self.context.stage_named(Target.ATTEMPTS, self.context.recipe.config(repair).rollout)
        trajectories, scores = read_graded(self.context, rollout)
        wrong = {score.trajectory_id for score in scores if score.correct is False}
        in_order = sorted((one for one in trajectories if one.id in wrong), key=lambda one: one.id)
        tries = {one.trajectory_id: one.tries for one in read_tries(self.context, repair)}
        pairs, dropped = preference_pairs(in_order, tries)
        write_jsonl(self.folder / PAIRS, pairs)
        return {"pairs": len(pairs), **{f"dropped_{reason}": float(n) for reason, n in dropped.items()}}

    @staticmethod
    def problems(config: DpoStageConfig, key: str, recipe: Recipe) -> Iterator[str]:
        """Pairs come from corrections only."""
        ref = recipe.names(Target.ATTEMPTS).get(config.corrections)
        if ref is not None and not isinstance(recipe.config(ref), RepairStageConfig):
            yield f"{key}.corrections: expected a stage of kind {Repair.kind!r}; got {config.corrections!r}"
