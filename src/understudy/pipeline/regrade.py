"""Grading a stored run anew: attempts stay as they are, verdicts are made again.

In: a recipe and its run. Out: new ``scores.jsonl`` and ``metrics.json``, and a line for each verdict that changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from understudy.grading import regrade
from understudy.pipeline.attempts import grade_stage, scores_path, trajectories_path
from understudy.pipeline.props import Props
from understudy.pipeline.run_directory import RunDirectory
from understudy.pipeline.stages import write_metrics
from understudy.pipeline.walk import finish
from understudy.recipe import Recipe, StageRef
from understudy.records import Score, StageKind
from understudy.runs import read_jsonl


def grade_run(recipe: Recipe, run_dir: Path, *, again: bool = False, quiet: bool = False) -> Iterator[str]:
    """Grade what was not graded, or with ``again`` everything; yield what was found, a line each.

    Examples that were curated from old verdicts stay; where verdicts changed, the lines say which curations to redo.
    """
    directory = RunDirectory(run_dir)
    with directory.locked(), Props(recipe, directory, quiet=quiet) as props:
        for ref in recipe.stages():
            has_attempts = ref.kind.has_attempts and trajectories_path(props, ref).exists()
            if has_attempts and (again or not scores_path(props, ref).exists()):
                yield from _grade_again(props, ref)
        finish(props)


def _grade_again(props: Props, ref: StageRef) -> Iterator[str]:
    path = scores_path(props, ref)
    before = list(read_jsonl(path, Score)) if path.exists() else []
    after = grade_stage(props, ref)
    regrading = regrade(before, after)
    yield f"{ref}: {len(after)} graded, {len(regrading.changes)} of {regrading.n} verdicts changed"
    yield from (f"  {change}" for change in regrading.changes)
    if ref.kind is StageKind.EVALUATE:
        write_metrics(props, ref)
    elif regrading.changes:
        fed = [stage for stage in props.recipe.stages() if ref in props.recipe.inputs(stage)]
        yield from (f"  {stage} was made from the old verdicts; do it again with --anew" for stage in fed)
