"""The stage ``imported``: attempts that were made elsewhere replace a rollout. Takes: data in a shape that
``understudy.curation.import_trajectories`` reads. Writes: ``trajectories.jsonl`` and ``scores.jsonl`` as a rollout
does, and ``refused.jsonl`` with the rows that were not imported. Scores in the data are kept; the recipe's grader
judges attempts without one.
"""

from __future__ import annotations

from typing import ClassVar

from understudy.curation import ImportConfig, import_trajectories
from understudy.curation import Imported as Rows
from understudy.pipeline.attempts import grade_stage, trajectories_path, verdict_counts
from understudy.pipeline.stage import Counts, Stage
from understudy.records import Target
from understudy.run_layout import REFUSED
from understudy.runs import write_jsonl


class Imported(Stage[ImportConfig]):
    """Take attempts from data that was made elsewhere."""

    kind = "imported"
    provides = Target.ATTEMPTS
    uses = ("grading",)
    Config: ClassVar = ImportConfig

    def run(self) -> Counts:
        imported = import_trajectories(self.config)
        pairs = imported.attempts
        self.context.say(f"{self.ref}: {imported.report}")
        self._report_refused(imported)
        write_jsonl(trajectories_path(self.context, self.ref), [trajectory for trajectory, _ in pairs])
        known = {trajectory.id: score for trajectory, score in pairs if score is not None}
        scores = grade_stage(self.context, self.ref, known)
        return {
            "attempts": len(pairs),
            **verdict_counts(self.context, self.ref, scores),
            **self._joining(imported),
            **{f"refused_{reason}": float(count) for reason, count in imported.counts.items()},
        }

    def _joining(self, imported: Rows) -> Counts:
        """The numbers of joined requests, repeated requests and forks that are above zero."""
        report = imported.report
        counts = {"joined": report.joined, "repeated": report.repeated, "forks": report.forks}
        return {name: float(count) for name, count in counts.items() if count}

    def _report_refused(self, imported: Rows) -> None:
        path = self.folder / REFUSED
        path.unlink(missing_ok=True)
        if imported.refused:
            write_jsonl(path, imported.refused)
            first = imported.refused[0]
            n_refused, n_rows = len(imported.refused), imported.report.rows
            self.context.say(f"{self.ref}: {n_refused} of {n_rows} rows were refused, such as {first} (all: {path})")
