"""Makes a published run again and compares it with its card. ``understudy rerun``.

In: a card. Out: a run directory, and sentences that compare examples and accuracy. Not here: reading the card
(``understudy.publishing.reading``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from understudy.pipeline.loading import parse_recipe
from understudy.pipeline.recipe import Recipe
from understudy.publishing import PublishedRun
from understudy.recipe import RecipeText, with_overrides
from understudy.records import Metrics, StageRef
from understudy.run_layout import EVALUATE, EXAMPLES, METRICS, stage_folder
from understudy.runs import read_record, sha256_of

_SHORT = 12


def recipe_of_card(published: PublishedRun, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe of a card; its files and modules are looked for in the working directory. Raises ``RecipeError``."""
    text = RecipeText(Path(published.source), yaml.safe_load(published.recipe), {}, (Path.cwd(),))
    return parse_recipe(with_overrides(text, overrides))


def compare_with_card(published: PublishedRun, recipe: Recipe, run_dir: Path) -> Iterator[str]:
    """Say whether the run has the examples of the card, and how its student's accuracy compares."""
    if published.curation:
        path = stage_folder(run_dir, StageRef.parse(published.curation)) / EXAMPLES
        if path.is_file():
            found = sha256_of(path)
            same = found == published.examples_sha256
            other = (
                "the examples of the card"
                if same
                else f"other examples than the card's ({published.examples_sha256[:_SHORT]}…)"
            )
            yield f"{published.curation}: {other}; SHA-256 {found[:_SHORT]}…"
        else:
            yield f"{published.curation}: has not been run, so its examples are not compared"
    for ref in recipe.stages_of(EVALUATE):
        if recipe.config(ref).model == published.stage and (path := stage_folder(run_dir, ref) / METRICS).is_file():
            yield from _accuracies(published, read_record(path, Metrics))
            return


def _accuracies(published: PublishedRun, metrics: Metrics) -> Iterator[str]:
    for row in metrics.task_sets:
        before = published.accuracy.get(row.task_set)
        stated = "the card states none" if before is None else f"{100 * before:.1f} % on the card"
        yield (f"{metrics.system} on {row.task_set}: {100 * row.accuracy:.1f} % ({row.interval.percents}), {stated}")
