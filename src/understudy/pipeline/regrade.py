"""Grading a stored run again: attempts do not change, verdicts are renewed.

In: a recipe and its run. Out: new ``scores.jsonl`` and ``metrics.json``, and a line for each verdict that changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from understudy.grading import regrade
from understudy.pipeline.attempts import grade_stage, scores_path, trajectories_path
from understudy.pipeline.context import RunContext
from understudy.pipeline.recipe import Recipe
from understudy.pipeline.run import compare_systems, open_stage
from understudy.pipeline.run_directory import RunDirectory
from understudy.records import Score, StageRef, Target
from understudy.report import write_report
from understudy.runs import read_jsonl


def grade_run(recipe: Recipe, run_dir: Path, *, again: bool = False, quiet: bool = False) -> Iterator[str]:
    """Grade ungraded attempts, or all with ``again``; yield a line per finding.

    Examples that were curated from old verdicts stay; if verdicts changed, the lines say which curations to redo.
    """
    directory = RunDirectory(run_dir)
    with directory.locked(), RunContext(recipe, directory, quiet=quiet) as context:
        for ref in recipe.ordered_stages():
            provides = recipe.stage_class(ref).provides
            has_attempts = provides is Target.ATTEMPTS and trajectories_path(context, ref).exists()
            if has_attempts and (again or not scores_path(context, ref).exists()):
                yield from _grade_again(context, ref)
        compare_systems(context)
    write_report(run_dir)


def _grade_again(context: RunContext, ref: StageRef) -> Iterator[str]:
    path = scores_path(context, ref)
    before = list(read_jsonl(path, Score)) if path.exists() else []
    after = grade_stage(context, ref)
    regrading = regrade(before, after)
    yield f"{ref}: {len(after)} graded, {len(regrading.changes)} of {regrading.n} verdicts changed"
    yield from (f"  {change}" for change in regrading.changes)
    open_stage(context, ref).refresh()
    if regrading.changes:
        fed = [stage for stage in context.recipe.ordered_stages() if ref in context.recipe.inputs(stage)]
        yield from (f"  {stage} was made from the old verdicts; run it again with --restart" for stage in fed)
