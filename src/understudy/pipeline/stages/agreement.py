"""The stage ``agreement``: what would a model do at each step of stored attempts? No tool is executed.

Takes: attempts, imported or rolled out, and a model. Writes: ``steps.jsonl``, to which one row per step is appended;
and ``agreement.json``, whole. A half-done stage resumes, and asks again where the model could not be reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, ClassVar

from pydantic import Field

from understudy.annotations import AttemptsRef, DisplayOnly, ModelRef
from understudy.evaluation import SamplingConfig, StoredStep, replay, stored_steps, summarise
from understudy.pipeline.attempts import read_graded
from understudy.pipeline.stage import Counts, Stage, StageFailedError
from understudy.pipeline.students import verify_before_use
from understudy.progress import Progress
from understudy.records import StepAgreement, Target
from understudy.run_layout import AGREEMENT, STEPS
from understudy.runs import append_jsonl, derive_seed, read_jsonl, write_atomic, write_jsonl


class AgreementConfig(SamplingConfig):
    """The model, and the attempts whose actions it is compared with."""

    label: Annotated[str, DisplayOnly]
    """The system's name in tables."""
    model: ModelRef
    attempts: tuple[AttemptsRef, ...] = Field(min_length=1)
    """Stages with attempts that no training has seen: a rollout by its name, any other as ``kind/name``."""


class AgreementStage(Stage[AgreementConfig]):
    """Ask a model for the next action at each stored step, and compare."""

    kind = "agreement"
    Config: ClassVar = AgreementConfig

    def run(self) -> Counts:
        if (training := self.context.trained(self.config.model)) is not None:
            verify_before_use(self.context, training)
        steps, n_skipped = self._steps()
        rows = self._asked(steps)
        n_failed = sum(bool(row.failure) for row in rows)
        if n_failed > self.context.recipe.failures_allowed * len(rows):
            first = next(row.failure for row in rows if row.failure)
            raise StageFailedError(
                f"{self.ref}: at {n_failed} of {len(rows)} steps the model could not be asked, such as: {first}\n"
                "What was done is kept; the same command tries these again."
            )
        self._summarise(rows, n_skipped)
        same = sum(row.same_action for row in rows)
        counts = {"steps": float(len(rows)), "same_action": float(same), "failed": float(n_failed)}
        return {**counts, **({"skipped": float(n_skipped)} if n_skipped else {})}

    def refresh(self) -> None:
        """Summarise the rows again, because the label may have changed."""
        self._summarise(list(read_jsonl(self.folder / STEPS, StepAgreement)), self._steps()[1])

    def _steps(self) -> tuple[list[StoredStep], int]:
        """The steps of all attempts, and the number of steps without an action."""
        steps: list[StoredStep] = []
        n_skipped = 0
        for name in self.config.attempts:
            taken = self.context.stage_named(Target.ATTEMPTS, name)
            trajectories, _ = read_graded(self.context, taken)
            whole = [one for one in trajectories if not one.stop_reason.is_infrastructure_error]
            found, skipped = stored_steps(whole, stage=str(taken) if len(self.config.attempts) > 1 else "")
            steps, n_skipped = steps + found, n_skipped + skipped
        return steps, n_skipped

    def _asked(self, steps: Sequence[StoredStep]) -> list[StepAgreement]:
        """All rows, in the order of the steps; those of an earlier run of the stage are kept."""
        path = self.folder / STEPS
        known = {
            (row.conversation, row.step): row for row in (read_jsonl(path, StepAgreement) if path.exists() else ())
        }
        known = {key: row for key, row in known.items() if not row.failure}
        todo = [step for step in steps if step.key not in known]
        config = self.config.model_copy(update={"seed": derive_seed(self.context.recipe.seed, self.config.seed)})
        bar = Progress(str(self.ref), len(steps), done=len(known), quiet=self.context.quiet)
        with (
            closing(self.context.open_model(config.model)) as model,
            append_jsonl(path) as writer,
            bar,
        ):
            for row in replay(todo, model, config):
                writer.write(row)
                known[row.conversation, row.step] = row
                bar.advance()
        rows = [known[step.key] for step in steps]
        write_jsonl(path, rows)
        return rows

    def _summarise(self, rows: Sequence[StepAgreement], n_skipped: int) -> None:
        config = self.config
        is_program = self.context.is_program(config.model)
        agreement = summarise(config.label, config.model, rows, n_skipped=n_skipped, is_program=is_program)
        write_atomic(self.folder / AGREEMENT, agreement.model_dump_json(indent=1) + "\n")
