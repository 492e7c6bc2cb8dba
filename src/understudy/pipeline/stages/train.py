"""The stage ``train``: a base model is fine-tuned on the examples of one curation.

Takes: examples and a local model. Writes: ``log.jsonl`` as it goes, ``checkpoint/`` at its end. A killed training
resumes from its last checkpoint.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from understudy.annotations import ExamplesRef, LocalModelRef, SpeedOnly
from understudy.pipeline.trainings import TrainingStage
from understudy.training import TrainConfig, TrainJob


class TrainStageConfig(TrainConfig):
    """The examples and the base."""

    examples: ExamplesRef
    base: LocalModelRef
    launcher: Annotated[tuple[str, ...], SpeedOnly] = ()
    """Command before ``-m understudy.training``: ``[accelerate, launch, --config_file, x.yaml]``; empty: this
    Python."""


class Train(TrainingStage[TrainStageConfig]):
    """Fine-tune a base model on curated examples."""

    kind = "train"
    starts_from = "base"
    Config: ClassVar = TrainStageConfig

    @property
    def launcher(self) -> tuple[str, ...]:
        return self.config.launcher

    def job(self) -> TrainJob:
        config = self.training_config(TrainConfig)
        return TrainJob(
            examples=self.examples_path(self.config.examples),
            base=self.context.base_path(self.config.base),
            config=config,
            acting=self.runtime_for(config.eval_callback),
        )
