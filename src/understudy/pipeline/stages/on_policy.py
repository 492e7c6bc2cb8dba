"""The stage ``on_policy``: a student replies at stored steps, and a teacher's token probabilities are distilled there.

Takes: the examples of one curation, a student, a teacher with the student's tokenizer. Writes: as ``train`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from understudy.annotations import ExamplesRef, LocalModelRef, ModelRef
from understudy.models import OpenAIChatConfig
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.trainings import TrainingStage
from understudy.training import OnPolicyConfig, OnPolicyJob


class OnPolicyStageConfig(OnPolicyConfig):
    """The student, the steps and the teacher."""

    examples: ExamplesRef
    student: LocalModelRef
    teacher: ModelRef
    """A model with the student's tokenizer: local, or behind a server that returns prompt log-probabilities."""


class OnPolicy(TrainingStage[OnPolicyStageConfig]):
    """Distil a teacher's token probabilities at the student's own replies."""

    kind = "on_policy"
    starts_from = "student"
    Config: ClassVar = OnPolicyStageConfig

    def job(self) -> OnPolicyJob:
        return OnPolicyJob(
            examples=self.examples_path(self.config.examples),
            student=self.context.weights(self.config.student),
            teacher=self.context.teacher(self.config.teacher),
            config=self.training_config(OnPolicyConfig),
        )

    @staticmethod
    def problems(config: OnPolicyStageConfig, key: str, recipe: Recipe) -> Iterator[str]:
        """The teacher's tokens must be comparable with the student's."""
        if config.teacher == config.student:
            yield f"{key}.teacher: expected another model than the student; got {config.teacher!r} for both"
        teacher = recipe.models.get(config.teacher)
        if isinstance(teacher, OpenAIChatConfig) and teacher.tokenizer is None:
            yield (
                f"models.{config.teacher}.tokenizer: expected a folder or Hub id, since {key} compares "
                "the teacher's tokens with the student's; got nothing"
            )
        elif teacher is not None and teacher.kind not in ("local", "openai_chat"):
            yield f"{key}.teacher: expected a local model or a server; got one of kind {teacher.kind!r}"
