"""The stage that imports trajectories: a file of them stands in for a model's rollout.

In: data in a shape that ``understudy.curation.import_trajectories`` reads. Out: ``trajectories.jsonl`` and
``scores.jsonl`` as a rollout leaves them, and ``refused.jsonl`` with the rows that were not imported. A score in the
data stands; the recipe's grader judges what comes without one, where the data names a reference answer.
"""

from __future__ import annotations

import logging

from understudy.curation import ImportConfig, Imported, import_trajectories
from understudy.pipeline.attempts import Counts, grade_stage, trajectories_path
from understudy.pipeline.props import Props
from understudy.recipe import PublishedStage, StageRef
from understudy.runs import write_jsonl

_LOG = logging.getLogger(__name__)


def run_published(props: Props, ref: StageRef, stage: PublishedStage) -> Counts:
    """Raises ``NothingImportedError`` where no row of the data can be imported."""
    config = ImportConfig(path=stage.published, task_kind=stage.kind, agent=stage.agent)
    imported = import_trajectories(config)
    pairs = imported.attempts
    _report_refused(props, ref, imported)
    write_jsonl(trajectories_path(props, ref), [trajectory for trajectory, _ in pairs])
    given = {trajectory.id: score for trajectory, score in pairs if score is not None}
    scores = grade_stage(props, ref, given)
    return {
        "attempts": len(pairs),
        "correct": sum(score.correct is True for score in scores),
        "not_graded": sum(score.correct is None for score in scores),
        "failed": sum(trajectory.stop_reason.is_program_failure for trajectory, _ in pairs),
        **{f"refused_{reason}": float(count) for reason, count in imported.counts.items()},
    }


def _report_refused(props: Props, ref: StageRef, imported: Imported) -> None:
    path = props.directory.folder(ref) / "refused.jsonl"
    path.unlink(missing_ok=True)
    if imported.refused:
        write_jsonl(path, imported.refused)
        n_rows = len(imported.refused) + len(imported.attempts)
        _LOG.warning(
            "%s: %d of %d rows were refused, such as %s (all of them: %s)",
            ref,
            len(imported.refused),
            n_rows,
            imported.refused[0],
            path,
        )
