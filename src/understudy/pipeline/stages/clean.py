"""The stage ``clean``: attempts pass checks before anything is trained on them. Takes: the attempts of another stage
and their scores. Writes: ``trajectories.jsonl`` and ``scores.jsonl`` of what is kept, as a rollout does;
``findings.jsonl`` with every attempt that was dropped, changed or counted and its reason; ``clusters.jsonl`` with the
topics; ``relabelled.jsonl`` with replies that a teacher wrote again, which the recipe's grader then judges. These are
appended as they come, and a half-done stage does not ask for them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import ClassVar

from understudy.annotations import AttemptsRef
from understudy.curation import CleanConfig, Cleaned, RelabelJournal, Replacement, clean
from understudy.pipeline.attempts import grade_stage, read_graded, trajectories_path, verdict_counts
from understudy.pipeline.stage import Counts, Stage, StageFailedError
from understudy.records import Record, Target
from understudy.report.visible import visible
from understudy.run_layout import CLUSTERS, FINDINGS, RELABELLED
from understudy.runs import append_jsonl, read_jsonl, write_jsonl


class CleanStageConfig(CleanConfig):
    """The attempts that are cleaned."""

    attempts: AttemptsRef
    """A stage with attempts, such as ``imported/shop``."""


class Clean(Stage[CleanStageConfig]):
    """Drop or mend faulty attempts."""

    kind = "clean"
    provides = Target.ATTEMPTS
    uses = ("grading",)
    Config: ClassVar = CleanStageConfig

    def run(self) -> Counts:
        cleaned = self._cleaned()
        summary = cleaned.summary
        write_jsonl(self.folder / FINDINGS, cleaned.findings)
        self._write(CLUSTERS, cleaned.clusters)
        self._write(RELABELLED, cleaned.replacements)
        if not cleaned.pairs:
            raise StageFailedError(f"{self.ref}: nothing is left; {visible(str(summary))}")
        write_jsonl(trajectories_path(self.context, self.ref), list(cleaned.trajectories))
        known = {trajectory.id: score for trajectory, score in cleaned.pairs if score is not None}
        scores = grade_stage(self.context, self.ref, known)
        self.context.say(f"{self.ref}: {visible(str(summary))}")
        return {
            "trajectories": cleaned.n,
            "kept": len(cleaned),
            **verdict_counts(self.context, self.ref, scores),
            **summary.counts,
        }

    def _cleaned(self) -> Cleaned:
        """The attempts in an order that is the same in every run, cleaned."""
        trajectories, scores = read_graded(
            self.context, self.context.stage_named(Target.ATTEMPTS, self.config.attempts)
        )
        by_id = {score.trajectory_id: score for score in scores}
        in_order = sorted(trajectories, key=lambda one: (one.task.id, one.attempt))
        config = self.config
        with ExitStack() as stack:
            teacher = journal = None
            if config.relabel is not None:
                teacher = stack.enter_context(closing(self.context.open_model(config.relabel.model)))
                path = self.folder / RELABELLED
                earlier = list(read_jsonl(path, Replacement)) if path.exists() else []
                journal = RelabelJournal(earlier, stack.enter_context(append_jsonl(path)).write)
            return clean([(one, by_id.get(one.id)) for one in in_order], config, teacher, journal)

    def _write(self, name: str, records: Sequence[Record]) -> None:
        """A file of records; none if there are none."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        if records:
            write_jsonl(path, list(records))
