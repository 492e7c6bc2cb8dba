"""The stage ``evaluate``: a system (a model and an agent) attempts the test tasks and is measured.

Takes: a model, an agent, task sets. Writes: ``trajectories.jsonl``, appended to; ``scores.jsonl`` and ``metrics.json``,
whole. A student that this run trained is first verified to be the one that was trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from understudy.annotations import AgentRef, DisplayOnly, ModelRef, TaskSetRef
from understudy.evaluation import measure
from understudy.pipeline.attempts import make_attempts, read_graded
from understudy.pipeline.cascades import require_other_questions, threshold_stage
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.stage import Counts, Stage
from understudy.pipeline.students import verify_before_use
from understudy.records import Target
from understudy.rollouts import Engine, RolloutConfig
from understudy.run_layout import EVALUATE, METRICS
from understudy.runs import write_atomic


class EvaluateConfig(RolloutConfig):
    """The system and the task sets."""

    label: Annotated[str, DisplayOnly]
    """The system's name in tables and figures."""
    model: ModelRef
    agent: AgentRef
    tasks: tuple[TaskSetRef, ...] = Field(min_length=1)


class Evaluate(Stage[EvaluateConfig]):
    """Let a system attempt test tasks, and measure it."""

    kind = EVALUATE
    provides = Target.ATTEMPTS
    uses = ("retrieval", "tools", "sandbox", "environment", "user", "grading")
    Config: ClassVar = EvaluateConfig

    def run(self) -> Counts:
        config = self.config
        if (training := self.context.trained(config.model)) is not None:
            verify_before_use(self.context, training, elsewhere=config.engine is Engine.RAY)
        tasks = self.context.all_tasks(config.tasks)
        stage = threshold_stage(self.context.recipe.agents[config.agent], self.context.recipe)
        if stage is not None:
            require_other_questions(stage, self.context.signal_report(stage).questions, tasks)
        counts = make_attempts(self.context, self.ref, config, config.model, config.agent, tasks)
        self.refresh()
        return counts

    def refresh(self) -> None:
        """Measure the evaluation from its files, because its label may have changed."""
        trajectories, scores = read_graded(self.context, self.ref)
        metrics = measure(
            system=self.config.label,
            model=trajectories[0].model,
            agent=trajectories[0].agent,
            trajectories=trajectories,
            scores=scores,
            is_program=self.context.is_program(self.config.model),
        )
        write_atomic(self.folder / METRICS, metrics.model_dump_json(indent=1) + "\n")

    @staticmethod
    def problems(config: EvaluateConfig, key: str, recipe: Recipe) -> Iterator[str]:
        """Tables tell systems apart by their labels."""
        labels = Counter(recipe.config(ref).label for ref in recipe.stages_of(EVALUATE))
        if labels[config.label] > 1:
            yield f"{key}.label: expected a label of its own; got {config.label!r} again"
