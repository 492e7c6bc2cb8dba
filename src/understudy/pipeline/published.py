"""The stage that takes attempts made elsewhere: a file of them comes in instead of a model's rollout.

In: a file in a shape that ``understudy.curation.import_trajectories`` reads. Out: ``trajectories.jsonl`` and
``scores.jsonl`` as a rollout leaves them. A score in the file stands; the recipe's grader judges what comes without
one, where the file names a reference answer.
"""

from __future__ import annotations

from understudy.curation import import_trajectories
from understudy.pipeline.attempts import Counts, StageFailedError, grade_stage, trajectories_path
from understudy.pipeline.props import Props
from understudy.recipe import PublishedStage, StageRef
from understudy.runs import write_jsonl


def run_published(props: Props, ref: StageRef, stage: PublishedStage) -> Counts:
    """Raises ``StageFailedError`` for a file without attempts, ``ValueError`` with file and row for a wrong one."""
    pairs = list(import_trajectories(stage.published, stage.kind, stage.published.stem, stage.agent))
    if not pairs:
        raise StageFailedError(f"{ref}: {stage.published}: expected attempts, the file holds none")
    write_jsonl(trajectories_path(props, ref), [trajectory for trajectory, _ in pairs])
    given = {trajectory.id: score for trajectory, score in pairs if score is not None}
    scores = grade_stage(props, ref, given)
    return {
        "attempts": len(pairs),
        "correct": sum(score.correct is True for score in scores),
        "not_graded": sum(score.correct is None for score in scores),
        "failed": sum(trajectory.stop_reason.is_program_failure for trajectory, _ in pairs),
    }
